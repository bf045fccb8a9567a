import { icon } from "./dom.js";

/** @import { Context } from "./context.js" */

const MOST_SELECTED = 4;

/** What is chosen for comparison, and the bar that says so. */
export class Selection {
  /**
   * @param {Context} ctx
   * @param {{compare: (numbers: number[]) => void, change: () => void, clear: () => void}} on
   */
  constructor(ctx, on) {
    const { h, t } = ctx;
    this.ctx = ctx;
    this.on = on;
    /** @type {number[]} */
    this.numbers = [];
    this.label = h("span");
    const compare = () => on.compare(this.numbers);
    this.button = h("button", { class: "nowp-plain", onclick: compare }, icon("halves"), this.label);
    const clear = () => {
      this.set([]);
      on.clear();
    };
    const away = h("button", { class: "nowp-round", label: t("unchoose"), onclick: clear }, icon("close"));
    this.el = h("div", { class: "nowp-chooser", hidden: true }, this.button, away);
  }

  /** @param {number} number */
  has(number) {
    return this.numbers.includes(number);
  }

  /** @param {number} number */
  toggle(number) {
    if (this.has(number)) this.drop(number);
    else if (this.numbers.length < MOST_SELECTED) this.set([...this.numbers, number]);
    else this.ctx.toast(this.ctx.t("tooMany", { count: MOST_SELECTED }));
  }

  /** @param {number} number */
  drop(number) {
    if (this.has(number)) this.set(this.numbers.filter((one) => one !== number));
  }

  /** @param {number[]} numbers */
  set(numbers) {
    const { t } = this.ctx;
    const count = numbers.length;
    const words = t("chosen", { count });
    this.numbers = numbers;
    this.el.hidden = !count;
    this.label.textContent = count > 1 ? `${t("compare")} ${count}` : words;
    this.button.disabled = count < 2;
    this.on.change();
    this.ctx.announce(words);
  }
}
