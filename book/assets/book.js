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
