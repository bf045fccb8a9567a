/** Elements without innerHTML: every text goes through textContent, every listener ends with one signal. */

/** @import { Child, Make } from "./types.d.ts" */

const WITHOUT_TEXT = new Set(["range", "checkbox", "file"]);
const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  star: "M8 1.9l1.9 3.9 4.2.6-3 3 .7 4.3L8 11.6l-3.8 2.1.7-4.3-3-3 4.2-.6z",
  check: "M3 8.5l3.2 3.2L13 4.8",
  close: "M4 4l8 8M12 4l-8 8",
  trash: "M2.5 4.5h11M6 4.5V3h4v1.5M4 4.5l.6 8.5h6.8l.6-8.5M6.7 7v3.5M9.3 7v3.5",
  copy: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
  undo: "M5.5 3L2.8 5.7l2.7 2.7M3 5.7h6a3.6 3.6 0 010 7.2H6",
  plus: "M8 3.5v9M3.5 8h9",
  minus: "M3.5 8h9",
  left: "M10 3L5 8l5 5",
  right: "M6 3l5 5-5 5",
  search: "M7 2.8a4.2 4.2 0 100 8.4 4.2 4.2 0 000-8.4zM10.2 10.2L13.4 13.4",
  file: "M8 10.5v-8M5 5.2l3-3 3 3M2.8 10v3.2h10.4V10",
  halves: "M2.5 3.5h11v9h-11zM8 2v12",
  play: "M5 3.2l8 4.8-8 4.8z",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  redo: "M10.5 3l2.7 2.7-2.7 2.7M13 5.7H7a3.6 3.6 0 000 7.2h3",
  again: "M13 8a5 5 0 11-1.4-3.5M13.2 2.4v3.1h-3.1",
  vary: "M3 3h4v4H3zM9 3h4v4H9zM3 9h4v4H3zM9 9h4v4H9z",
  zip: "M2.5 3h11v3h-11zM3.5 6v7h9V6M6.5 8.5h3",
  bare: "M2.5 3h11v3h-11zM3.5 6v7h9V6M6 8l4 3.5M10 8l-4 3.5",
  brush: "M13.2 2.8L7 9M7 9c-1.6-.6-3 .5-3.2 2-.1 1-.6 1.8-1.6 2.2 2.4.6 5 .1 5.6-1.7.3-1-.1-2-.8-2.5z",
  eraser: "M6.2 13.2h7M9.8 2.8l3.6 3.6-6.3 6.3H4.6L2.5 10.6zM5.9 6.8l3.6 3.6",
  rectangle: "M2.5 3.5h11v9h-11z",
  lasso:
    "M8 3c3.2 0 5.5 1.6 5.5 3.7S11.2 10.4 8 10.4 2.5 8.8 2.5 6.7 4.8 3 8 3zM5 10c-1 .9-1 2.2.1 2.5 1 .3 1.7.5 1.4 1.5",
  pencil: "M11.2 2.8l2 2L6 12l-2.8.8.8-2.8z",
  mask: "M2.5 3.5h11v9h-11zM5.2 8a2.8 2.3 0 105.6 0 2.8 2.3 0 10-5.6 0z",
  picture: "M2.5 3.5h11v9h-11zM2.8 11l3.2-3.3 2.4 2.4 1.6-1.5 3.2 2.9M10.8 6.2h.01",
  tag: "M2.8 2.8h5l5.4 5.4-5 5-5.4-5.4zM5.4 5.4h.01",
  keep: "M2.5 8.5h4v4h-4zM9.5 8.5h4v4h-4zM3 5.2l2.2 2 4.2-4.7",
  download: "M8 2.5v7.5M5 7.2l3 3 3-3M2.8 10v3.2h10.4V10",
  path: "M2.5 4h4l1.3 1.6h5.7v7h-11z",
  out: "M6.5 3.5h-3v9h9v-3M9 2.8h4.2V7M13 3L7.5 8.5",
  full: "M2.8 6V2.8H6M10 2.8h3.2V6M13.2 10v3.2H10M6 13.2H2.8V10",
};

/** @param {keyof typeof ICONS} name */
export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 16 16");
  drawing.setAttribute("aria-hidden", "true");
  drawing.setAttribute("class", `nowp-icon nowp-icon-${name}`);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  drawing.append(path);
  return drawing;
}

/**
 * Make the function that makes elements: `label` becomes name and tooltip, `on…` a listener that ends with the signal.
 * @param {AbortSignal} signal
 * @returns {Make}
 */
export function createMaker(signal) {
  return (tag, props = {}, ...children) => {
    const element = document.createElement(tag);
    if (tag === "button") element.setAttribute("type", "button");
    for (const [name, value] of Object.entries(props)) {
      if (value === undefined) continue;
      if (name === "text") element.textContent = String(value);
      else if (name === "label") setLabel(element, String(value));
      else if (typeof value === "function") element.addEventListener(name.slice(2), asListener(value), { signal });
      else if (typeof value === "boolean" && !name.startsWith("aria")) element.toggleAttribute(name, value);
      else element.setAttribute(name, String(value));
    }
    element.append(...children.filter((child) => child !== null));
    return element;
  };
}

/** @param {any} handler @returns {EventListener} */
function asListener(handler) {
  return handler;
}

/** Set an element's name, shown as its tooltip too. @param {HTMLElement} element @param {string} text */
export function setLabel(element, text) {
  element.setAttribute("aria-label", text);
  element.title = text;
}

/** @param {Element} button */
export function isPressed(button) {
  return button.getAttribute("aria-pressed") === "true";
}

/** @param {Element} button @param {boolean} on */
export function setPressed(button, on) {
  button.setAttribute("aria-pressed", String(on));
}

/** Replace what an element holds. @param {Element} element @param {...Child} children */
export function fill(element, ...children) {
  element.replaceChildren(...children.filter((child) => child !== null));
}

/** The element that has the focus, in the document or shadow tree that this one is in. @param {Element} element */
export function focusedBeside(element) {
  const root = /** @type {Document | ShadowRoot} */ (element.getRootNode());
  return /** @type {HTMLElement | null} */ (root.activeElement);
}

/** Whether typing in an element makes text, which the browser undoes itself. @param {EventTarget | null} element */
export function takesText(element) {
  if (element instanceof HTMLInputElement) return !WITHOUT_TEXT.has(element.type);
  return element instanceof HTMLElement && (element.matches("textarea") || element.isContentEditable);
}

/**
 * Call a function when calls have ceased for a while.
 * @param {AbortSignal} signal @param {number} ms @param {() => void} work
 */
export function debounce(signal, ms, work) {
  let timer = 0;
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  return () => {
    clearTimeout(timer);
    if (!signal.aborted) timer = window.setTimeout(work, ms);
  };
}

/** Put text on the clipboard; false where the browser does not let us. @param {string} text @param {Element} root */
export async function copyText(text, root) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyTheOldWay(text, root);
  }
}

/** Pages that are not secure have no clipboard but this one. @param {string} text @param {Element} root */
function copyTheOldWay(text, root) {
  const before = focusedBeside(root);
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "nowp-unseen";
  field.setAttribute("aria-hidden", "true");
  root.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  before?.focus();
  return copied;
}
