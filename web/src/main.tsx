/** Starts the dashboard. */

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { isReachable } from "./api/client";
import { App } from "./app/App";
import { preloadPages } from "./app/router";
import "./styles.css";

/** At most one reload in this time. */
const RELOAD_AT_MOST_MS = 60_000;
/** The other pages are fetched once this one stands: going to them is at once, and works while the collector is away. */
const PRELOAD_AFTER_MS = 2_000;

// A page left open over an upgrade asks for files that are gone; the new page knows the new ones.
window.addEventListener("vite:preloadError", () => {
  const key = "llmobserve.reloaded";
  const lastMs = Number(sessionStorage.getItem(key) ?? 0);
  if (Date.now() - lastMs < RELOAD_AT_MOST_MS) return;
  void isReachable().then((answers) => {
    // Without a server a reload would leave the reader with the browser's own error.
    if (!answers) return;
    sessionStorage.setItem(key, String(Date.now()));
    window.location.reload();
  });
});

window.addEventListener("load", () => setTimeout(preloadPages, PRELOAD_AFTER_MS), { once: true });

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
