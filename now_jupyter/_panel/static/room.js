/** @import { Context } from "./context.js" */

const VIEWS = ".jp-Notebook, .lm-DockPanel-widget";
const LEAST_HEIGHT = 520;
const MOST_IN_CELL = 1100;
const SHARE_OF_NOTEBOOK = 0.86;
const BELOW = 10;

/**
 * Let the panel have the height that there is: of a tab all of it, of a notebook most of what is seen of it.
 * Elsewhere the style sheet goes by the window.
 * @param {Context} ctx
 */
export function fillRoom({ root, signal }) {
  const watcher = new ResizeObserver(() => fit(root, watcher));
  watcher.observe(root); // it is in the page when it is seen
  signal.addEventListener("abort", () => watcher.disconnect(), { once: true });
}

/** @param {HTMLElement} root @param {ResizeObserver} watcher */
function fit(root, watcher) {
  const view = root.closest(VIEWS);
  if (!view) return;
  watcher.observe(view);
  const above = root.getBoundingClientRect().top - view.getBoundingClientRect().top;
  const rest = view.clientHeight - Math.min(Math.max(0, above), view.clientHeight / 4) - BELOW;
  const share = Math.min(MOST_IN_CELL, view.clientHeight * SHARE_OF_NOTEBOOK);
  const height = Math.round(Math.max(LEAST_HEIGHT, view.matches(".jp-Notebook") ? share : rest));
  root.style.setProperty("--nowp-height", `${height}px`);
}

/** Show an element alone on the screen, or no more. @param {HTMLElement} element */
export async function toggleFullscreen(element) {
  if (document.fullscreenElement) await document.exitFullscreen();
  else await element.requestFullscreen();
}
