import { fill, focusedBeside } from "./dom.js";
import { Asked, linesOf } from "./wire.js";

/** @import { Context } from "./context.js" */
/** @import { DraftForm } from "./draft.js" */

const LONGEST_WORDS = 65_536;

/** The button that orders, with the price on it, and below the form why an order was not taken. */
export class OrderButton {
  /** @param {Context} ctx @param {DraftForm} form */
  constructor(ctx, form) {
    const { h, t } = ctx;
    this.ctx = ctx;
    this.form = form;
    this.isOrdering = false;
    this.price = h("span", { class: "nowp-price" });
    this.label = h("span", { text: t("generate") });
    const order = (/** @type {MouseEvent} */ event) => {
      if (event.detail < 2) this.order(); // a double click orders once
    };
    this.el = h("button", { class: "nowp-go", title: t("shortcut"), onclick: order }, this.label, this.price);
    this.trouble = h("div", { class: "nowp-trouble" });
    /** What the error that stands there says. @type {string[]} */
    this.lines = [];
  }

  /** Order what the draft says. @param {string[]} agreed */
  async order(agreed = []) {
    if (this.isOrdering) return;
    this.setOrdering(true);
    this.clear();
    try {
      await this.ctx.wire.ask("generate", { draft: this.form.draft, at: Date.now(), agreed });
      this.ctx.announce(this.ctx.t("ordered"));
    } catch (error) {
      if (error instanceof Asked) this.askConsent(error);
      else this.showError(linesOf(error));
    } finally {
      this.setOrdering(false);
    }
  }

  /** @param {boolean} on */
  setOrdering(on) {
    this.isOrdering = on;
    this.label.textContent = this.ctx.t(on ? "ordering" : "generate");
    if (on) this.el.setAttribute("aria-disabled", "true");
    else this.el.removeAttribute("aria-disabled");
  }

  /** @param {string[]} lines */
  showError(lines) {
    const dismiss = () => {
      this.clear();
      this.form.prompt.focus();
    };
    this.lines = lines;
    this.form.showNotes();
    this.ctx.showIn(this.trouble, this.ctx.createErrorCard(lines, dismiss));
  }

  clear() {
    this.lines = [];
    this.form.showNotes();
    fill(this.trouble);
  }

  /** @param {Asked} asked */
  askConsent(asked) {
    const focused = focusedBeside(this.form.el);
    const from = focused && this.form.el.contains(focused) ? focused : this.form.prompt;
    askConsent(this.ctx, this.trouble, asked, { back: () => from.focus(), order: (agreed) => this.order(agreed) });
  }
}

/**
 * Ask for the user's word: "Not now" and Escape go back to where one was.
 * @param {Context} ctx @param {HTMLElement} place @param {Asked} asked
 * @param {{back: () => void, order: (agreed: string[]) => void}} then
 */
export function askConsent({ h, t }, place, { lines, agree }, { back, order }) {
  const leave = () => {
    fill(place);
    back();
  };
  const onkeydown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    leave();
  };
  const agreed = () => {
    fill(place);
    order(agree);
  };
  const no = h("button", { class: "nowp-plain", text: t("notNow"), onclick: leave });
  const yes = h("button", { class: "nowp-plain", text: t("orderAgain"), onclick: agreed });
  const question = h(
    "div",
    { class: "nowp-error nowp-ask", role: "alertdialog", "aria-label": lines[0], onkeydown },
    ...lines.map((line) => h("p", { text: line })),
    h("div", { class: "nowp-bar" }, no, yes),
  );
  fill(place, question);
  no.focus();
}

/**
 * Ask for the words that go with a button: Enter orders, "Not now" and Escape go back to where one was.
 * @param {Context} ctx @param {HTMLElement} place @param {{label: string, words: string}} wanted
 * @param {{back: () => void, order: (words: string) => void}} then
 */
export function askWords({ h, t }, place, { label, words }, { back, order }) {
  const leave = () => {
    fill(place);
    back();
  };
  const agree = () => {
    fill(place);
    back();
    order(field.value.trim());
  };
  const onkeydown = (/** @type {KeyboardEvent} */ event) => {
    if (event.isComposing || !["Escape", "Enter"].includes(event.key) || event.target !== field) return;
    event.stopPropagation();
    event.preventDefault();
    if (event.key === "Escape") leave();
    else agree();
  };
  const name = t("wordsFor", { label });
  const field = h("input", {
    ...{
      class: "nowp-input",
      "aria-label": name,
      placeholder: t("wordsHint"),
      maxlength: LONGEST_WORDS,
      value: words,
    },
  });
  const no = h("button", { class: "nowp-plain", text: t("notNow"), onclick: leave });
  const yes = h("button", { class: "nowp-plain nowp-use", text: t("order"), onclick: agree });
  const bar = h("div", { class: "nowp-bar" }, no, yes);
  fill(place, h("div", { class: "nowp-wanted", onkeydown }, h("p", { text: name }), field, bar));
  field.focus();
  field.select();
}
