import { copyText, createMaker, fill, icon } from "./dom.js";
import { linesOf, Wire } from "./wire.js";

/** @import { Model } from "./types.d.ts" */

const TOAST_MS = 8000;
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
      if (target instanceof Element) target.setAttribute(NO_SHORTCUTS, "true");
    };
    const stop = (/** @type {KeyboardEvent} */ event) => {
      if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
    };
    root.addEventListener("focusin", mark, { signal });
    root.addEventListener("keydown", stop, { signal });
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
    clearTimeout(this.timer);
    const clear = () => fill(this.toaster);
    const run = () => {
      clear();
      act();
    };
    const button = label ? this.h("button", { class: "nowp-bare nowp-undo", text: label, onclick: run }) : null;
    this.fillToast(this.h("span", { text }), button);
    this.timer = window.setTimeout(() => {
      if (!this.toaster.matches(":hover, :focus-within")) clear();
    }, TOAST_MS);
  }

  /** @param {...(Node | null)} content */
  fillToast(...content) {
    const { h, toaster } = this;
    const close = { class: "nowp-bare", label: this.t("close"), onclick: () => fill(toaster) };
    fill(toaster, h("div", { class: "nowp-toast" }, ...content, h("button", close, icon("close"))));
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
