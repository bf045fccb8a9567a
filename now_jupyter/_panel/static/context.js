import { copyText, createMaker, fill, focusedBeside, icon, takesText } from "./dom.js";
import { linesOf, Wire } from "./wire.js";

/** @import { Model } from "./types.d.ts" */

const TOAST_MS = 8000;
const MOST_UNDOABLE = 20;
const MOST_VISITED = 12;
const NO_SHORTCUTS = "data-lm-suppress-shortcuts";

/** What all parts of one view share: making elements, words, the kernel, and the places where something is said. */
export class Context {
  /** @param {Model} model @param {HTMLElement} el @param {AbortSignal} signal */
  constructor(model, el, signal) {
    this.model = model;
    this.signal = signal;
    this.h = createMaker(signal);
    this.wire = new Wire(model, signal);
    this.words = model.get("words");
    this.mark = Math.random().toString(36).slice(2, 8);
    this.count = 0;
    this.timer = 0;
    /** What brings back what was done, the latest last. @type {(() => void)[]} */
    this.undos = [];
    /** Where the focus was, the latest last. @type {HTMLElement[]} */
    this.visited = [];
    /** Where the focus goes when nothing of where it was is left. */
    this.home = () => {};
    /** What lies over the panel, the topmost last. @type {HTMLElement[]} */
    this.layers = [];
    signal.addEventListener("abort", () => clearTimeout(this.timer), { once: true });
    const { h } = this;
    this.status = h("div", { class: "nowp-unseen", role: "status", "aria-live": "polite" });
    this.toaster = h("div", { class: "nowp-toaster", role: "status" });
    this.kernel = h("p", { class: "nowp-kernel", role: "status" });
    const { language } = this.words;
    this.root = h("div", { class: "nowp", lang: language, [NO_SHORTCUTS]: "true" });
    this.root.append(this.status, this.toaster, this.kernel);
    el.append(this.root);
    this.keepKeys();
    this.wire.onstate = (state) => this.showKernel(state);
  }

  /**
   * Keys pressed in the panel stay in it. JupyterLab listens before the page does, and looks for the mark on what has
   * the focus itself, not only above it; other front ends listen after.
   */
  keepKeys() {
    const { root, signal } = this;
    const mark = (/** @type {FocusEvent} */ { target }) => {
      if (!(target instanceof HTMLElement)) return;
      target.setAttribute(NO_SHORTCUTS, "true");
      this.visited = [...this.visited, target].slice(-MOST_VISITED);
    };
    const stop = (/** @type {KeyboardEvent} */ event) => {
      const isTaken = this.handleUndo(event);
      if (isTaken || (!event.ctrlKey && !event.metaKey && !event.altKey)) event.stopPropagation();
    };
    root.addEventListener("focusin", mark, { signal });
    root.addEventListener("keydown", stop, { signal });
  }

  /**
   * Ctrl+Z outside of a field brings back what was done here last. The browser would undo, or do again, what was typed
   * in a field that is somewhere else.
   * @param {KeyboardEvent} event
   */
  handleUndo(event) {
    const { key, target, ctrlKey, metaKey, altKey, shiftKey } = event;
    const name = key.toLowerCase();
    if (!(ctrlKey || metaKey) || altKey || !["z", "y"].includes(name) || takesText(target)) return false;
    event.preventDefault();
    const isOurs = name === "z" && !shiftKey;
    if (isOurs) this.undos.at(-1)?.();
    return isOurs;
  }

  /**
   * Put something in place of what an element holds; who was in it goes back to where they were.
   * @param {Element} place @param {...(Node | null)} content
   */
  replace(place, ...content) {
    this.leave(place, () => fill(place, ...content));
  }

  /**
   * Do what takes a place away; who was in it goes back to where they were.
   * @param {Element} place @param {() => void} take
   */
  leave(place, take) {
    const isHere = place.contains(focusedBeside(this.root));
    const others = this.visited.filter((one) => !place.contains(one));
    take();
    if (!isHere) return;
    const left = others.filter((one) => one.isConnected && one.checkVisibility() && !one.closest("[inert]"));
    if (left.length) left[left.length - 1].focus({ preventScroll: true });
    else this.home();
  }

  /** The words of a key, filled in. @param {string} key @param {Record<string, string | number>} facts */
  t = (key, facts = {}) =>
    (this.words[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => String(facts[name] ?? whole));

  /** An id that no other view has. @param {string} name */
  createId(name) {
    return `nowp-${this.mark}-${name}-${++this.count}`;
  }

  /** Say something to those who hear the page. @param {string} text */
  announce(text) {
    this.status.textContent = text;
  }

  /** Show a passing message, with one thing to do where `label` names it. @param {string} text @param {string} label */
  toast(text, label = "", act = () => {}) {
    const run = () => {
      this.replace(this.toaster);
      act();
    };
    const button = label ? this.h("button", { class: "nowp-bare nowp-undo", text: label, onclick: run }) : null;
    const shown = this.fillToast(this.h("span", { text }), button);
    this.dropLater();
    return shown;
  }

  /** Let the message go after a while in which nobody is at it. */
  dropLater() {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      if (this.toaster.matches(":hover, :focus-within")) this.dropLater();
      else fill(this.toaster);
    }, TOAST_MS);
  }

  /** @param {...(Node | null)} content */
  fillToast(...content) {
    const { h, toaster } = this;
    clearTimeout(this.timer);
    const close = { class: "nowp-bare", label: this.t("close"), onclick: () => this.replace(toaster) };
    const shown = h("div", { class: "nowp-toast" }, ...content, h("button", close, icon("close")));
    this.replace(toaster, shown);
    return shown;
  }

  /**
   * Say what was done; the button beside it undoes it, and so does Ctrl+Z.
   * @param {string} text @param {() => void} undo
   */
  offerUndo(text, undo) {
    const run = () => {
      this.undos = this.undos.filter((one) => one !== run);
      if (shown.isConnected) this.replace(this.toaster);
      undo();
    };
    this.undos = [...this.undos, run].slice(-MOST_UNDOABLE);
    const shown = this.toast(text, this.t("undo"), run);
  }

  /** An error in the words of a cell. @param {string[]} lines @param {() => void} [dismiss] */
  createErrorCard(lines, dismiss) {
    const { h } = this;
    const button = { class: "nowp-bare nowp-corner", label: this.t("dismiss"), onclick: dismiss };
    return h(
      "div",
      { class: "nowp-error", role: "alert" },
      ...lines.map((line) => h("p", { text: line })),
      dismiss ? h("button", button, icon("close")) : null,
    );
  }

  /**
   * Put what answers the last click into its place, and bring it into sight.
   * @param {Element} place @param {Element} card
   */
  showIn(place, card) {
    this.replace(this.toaster); // it may lie over it
    fill(place, card);
    card.scrollIntoView({ block: "nearest" });
  }

  /**
   * Do something; what the kernel refuses is said.
   * @template Result
   * @param {() => Promise<Result>} work
   */
  async attempt(work) {
    try {
      return await work();
    } catch (error) {
      this.toast(linesOf(error).join("\n"));
      return undefined;
    }
  }

  /** Put a cell on the clipboard, else where it can be taken by hand. @param {string} cell */
  async copyCell(cell) {
    if (await copyText(cell, this.root)) {
      this.toast(this.t("copied"));
      return;
    }
    const words = this.t("copyByHand");
    const field = this.h("textarea", { class: "nowp-prompt", "aria-label": words, readonly: true, rows: 4 });
    field.value = cell;
    this.fillToast(this.h("span", { text: words }), field);
    field.select();
  }

  /** Lay something over the panel; what lies below can be neither reached nor read. @param {HTMLElement} layer */
  cover(layer) {
    fill(this.toaster);
    layer.hidden = false;
    this.layers = [...this.layers.filter((one) => one !== layer), layer];
    this.settleLayers();
  }

  /** @param {HTMLElement} layer */
  uncover(layer) {
    layer.hidden = true;
    this.layers = this.layers.filter((one) => one !== layer);
    this.settleLayers();
  }

  /** Let nothing be reached but what is on top. */
  settleLayers() {
    const top = this.layers.at(-1);
    /** @type {(Element | undefined)[]} */
    const above = [top, this.status, this.toaster, this.kernel];
    for (const one of this.root.children) setInert(one, Boolean(top) && !above.includes(one));
    this.root.classList.toggle("nowp-covered", Boolean(top));
  }

  /** @param {"alive" | "silent" | "gone"} state */
  showKernel(state) {
    this.root.classList.add("nowp-alive");
    this.root.classList.toggle("nowp-gone", state === "gone");
    const text = { alive: "", silent: this.t("silentKernel"), gone: this.t("noKernel") }[state];
    if (this.kernel.textContent !== text) this.kernel.textContent = text;
  }
}

/** @param {Element} element @param {boolean} on */
function setInert(element, on) {
  element.toggleAttribute("inert", on);
}
