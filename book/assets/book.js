// What the buttons in the header of a page do; their inline handlers are taken away (light_pages.py).
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-action]");
  if (button?.dataset.action === "print") window.print();
  if (button?.dataset.action === "full-screen") window.toggleFullScreen();
});

// A still picture of class `turning` gives way to its video, unless the reader prefers no motion.
const videoOf = new URL("turning.mp4", document.currentScript.src).href;

function setInMotion(image) {
  const video = document.createElement("video");
  Object.assign(video, { src: videoOf, poster: image.src, muted: true, loop: true, playsInline: true });
  Object.assign(video, { width: image.width, height: image.height, className: image.className });
  video.setAttribute("aria-label", image.alt);
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "turning-pause", textContent: "Pause" });
  let isWanted = true;
  let isSeen = false;
  const follow = () => (isWanted && isSeen ? video.play().catch(() => {}) : video.pause());
  button.addEventListener("click", () => {
    isWanted = !isWanted;
    button.textContent = isWanted ? "Pause" : "Play";
    follow();
  });
  image.replaceWith(video);
  video.after(button);
  new IntersectionObserver(([entry]) => {
    isSeen = entry.isIntersecting;
    follow();
  }).observe(video);
}

window.addEventListener("load", () => {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const image of document.querySelectorAll("img.turning")) setInMotion(image);
});

// Notes: what a term, a citation or an equation stands for, beside the link that has the pointer or the focus.
const GAP_PX = 6;

function placeNote(box, link) {
  const around = link.getBoundingClientRect();
  const width = Math.min(420, document.documentElement.clientWidth - 2 * GAP_PX);
  box.style.width = `${width}px`;
  const left = Math.min(around.left, document.documentElement.clientWidth - width - GAP_PX);
  const isRoomBelow = around.bottom + box.offsetHeight + GAP_PX < window.innerHeight;
  const top = isRoomBelow ? around.bottom + GAP_PX : around.top - box.offsetHeight - GAP_PX;
  box.style.left = `${Math.max(GAP_PX, left) + window.scrollX}px`;
  box.style.top = `${top + window.scrollY}px`;
}

function serveNotes() {
  const box = document.createElement("div");
  Object.assign(box, { className: "note-shown", hidden: true });
  document.body.append(box);
  let shownFor = null;
  let leaving = 0;
  const hide = () => {
    box.hidden = true;
    shownFor = null;
  };
  const show = (link) => {
    clearTimeout(leaving);
    if (link === shownFor) return;
    const note = document.getElementById(link.getAttribute("aria-describedby")).cloneNode(true);
    note.removeAttribute("id");
    box.replaceChildren(note);
    box.hidden = false;
    shownFor = link;
    placeNote(box, link);
  };
  const hideSoon = () => {
    leaving = setTimeout(hide, 250); // time enough to move the pointer into the note
  };
  for (const link of document.querySelectorAll("a[aria-describedby^='page-note-']")) {
    link.addEventListener("pointerenter", (event) => event.pointerType !== "touch" && show(link));
    link.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && hideSoon());
    link.addEventListener("focus", () => show(link));
    link.addEventListener("blur", hideSoon);
    let wasOpen = false;
    link.addEventListener("pointerdown", (event) => {
      wasOpen = event.pointerType !== "touch" || shownFor === link;
    });
    link.addEventListener("click", (event) => {
      // A finger cannot hover: its first tap shows the note, the second follows the link.
      if (event.detail === 0 || wasOpen) return;
      event.preventDefault();
      show(link);
    });
  }
  box.addEventListener("pointerenter", () => clearTimeout(leaving));
  box.addEventListener("pointerleave", hideSoon);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  document.addEventListener("pointerdown", (event) => {
    if (shownFor && !box.contains(event.target) && event.target.closest("a") !== shownFor) hide();
  });
}

// Pictures: a click, a tap or Enter shows one large, to scroll and to pinch; Escape closes it.
function enlargedWidth(image, shown) {
  const ratio = shown.naturalWidth / shown.naturalHeight;
  const inView = Math.min(innerWidth, (innerHeight - 64) * ratio);
  if (inView >= 1.5 * image.clientWidth) return inView;
  return Math.min(Math.max(shown.naturalWidth, 2 * image.clientWidth), 3 * innerWidth);
}

function serveEnlarging() {
  const dialog = document.createElement("dialog");
  dialog.className = "enlarged";
  dialog.setAttribute("aria-label", "Enlarged picture");
  const close = document.createElement("button");
  Object.assign(close, { type: "button", className: "enlarged-close", textContent: "Close" });
  const room = document.createElement("div");
  Object.assign(room, { className: "enlarged-room", tabIndex: 0 });
  room.setAttribute("role", "group");
  room.setAttribute("aria-label", "Picture, scrolls");
  dialog.append(close, room);
  document.body.append(dialog);
  close.addEventListener("click", () => dialog.close());
  room.addEventListener("click", (event) => event.target === room && dialog.close());
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a.enlarge");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const image = link.querySelector("img");
    const shown = new Image();
    Object.assign(shown, { src: link.href, alt: image.alt });
    room.replaceChildren(shown);
    dialog.showModal();
    await shown.decode().catch(() => {});
    shown.style.width = `${enlargedWidth(image, shown)}px`;
    room.scrollTo(0, 0);
  });
}

// What scrolls sideways can be reached by keyboard, and says so by its edge.
const SCROLLING = "article div.math, article .pst-scrollable-table-container, article .cell_output .output";

function serveScrolling() {
  const observer = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const scrolls = target.scrollWidth > target.clientWidth + 1;
      target.classList.toggle("scrolls", scrolls);
      if (scrolls) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  for (const region of document.querySelectorAll(SCROLLING)) observer.observe(region);
}

// On paper, folded outputs are open and the solutions of a page stand at its end; afterwards all returns.
const moved = [];
const opened = [];

function gatherSolutions() {
  const solutions = [...document.querySelectorAll("article div.solution")];
  if (!solutions.length || moved.length) return;
  const end = document.createElement("section");
  end.className = "solutions-on-paper";
  const heading = document.createElement("h2");
  heading.textContent = "Solutions";
  end.append(heading);
  for (const solution of solutions) {
    const place = document.createComment("solution");
    solution.replaceWith(place);
    moved.push([place, solution]);
    end.append(solution);
  }
  document.querySelector("article").append(end);
  moved.push([null, end]);
}

function returnSolutions() {
  for (const [place, node] of moved.splice(0)) {
    if (place) place.replaceWith(node);
    else node.remove();
  }
}

function openOutputs() {
  for (const details of document.querySelectorAll("article details.below-input:not([open])")) {
    details.open = true;
    opened.push(details);
  }
}

window.addEventListener("beforeprint", () => {
  gatherSolutions();
  openOutputs();
});
window.addEventListener("afterprint", () => {
  returnSolutions();
  for (const details of opened.splice(0)) details.open = false;
});

// Excerpts that a search shows have the text only, and formulas once, not as they are drawn.
const NOT_OF_THE_TEXT = ".katex-html, .page-notes, .bd-header-article, #jb-print-docs-body, .prev-next-footer";

function shortenExcerpts() {
  const toText = Search.htmlToText;
  Search.htmlToText = (html, anchor) => {
    const found = new DOMParser().parseFromString(html, "text/html");
    for (const aside of found.querySelectorAll(NOT_OF_THE_TEXT)) aside.remove();
    return toText(found.documentElement.outerHTML, anchor).replace(/\s+/g, " ");
  };
}

document.addEventListener("DOMContentLoaded", () => {
  serveNotes();
  serveEnlarging();
  serveScrolling();
  if (typeof Search !== "undefined") shortenExcerpts();
});
