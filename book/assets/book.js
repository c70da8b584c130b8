// What the buttons in the header of a page do; their inline handlers are taken away (light_pages.py).
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-action]");
  if (button?.dataset.action === "print") window.print();
  if (button?.dataset.action === "full-screen") window.toggleFullScreen();
});
