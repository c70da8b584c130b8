// Read by require.js, which is loaded next: widgets find their fonts beside their script.
var require = {
  baseUrl: new URL(".", document.currentScript.src).href,
  paths: {
    "@jupyter-widgets/base": "@jupyter-widgets/html-manager/dist/base",
    "@jupyter-widgets/controls": "@jupyter-widgets/html-manager/dist/controls",
    "@jupyter-widgets/output": "@jupyter-widgets/html-manager/dist/output",
  },
};
