// Runs before the first paint, so that no theme flashes; a file because the policy forbids inline scripts.
(function () {
  var chosen = null;
  try {
    chosen = localStorage.getItem("llmobserve.theme");
  } catch (_) {
    // Storage is blocked: the system's theme stays.
  }
  var dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
