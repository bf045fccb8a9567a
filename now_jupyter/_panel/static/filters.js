import { debounce, fill, icon, isPressed, setPressed } from "./dom.js";

/** @import { Context } from "./context.js" */
/** @import { Choices, Query, Row } from "./types.d.ts" */

/** What narrows the gallery: words, model, tag, status, star; and beside them how many fit. */
export class Filters {
  /** @param {Context} ctx @param {() => void} onchange */
  constructor(ctx, onchange) {
    const { h, t } = ctx;
    this.ctx = ctx;
    this.onchange = onchange;
    const oninput = debounce(ctx.signal, 200, onchange);
    const named = { "aria-label": t("search"), placeholder: t("search") };
    this.search = h("input", { class: "nowp-input nowp-search", type: "search", ...named, oninput });
    this.byModel = this.createSelect(t("allModels"));
    this.byTag = this.createSelect(t("allTags"));
    this.byStatus = this.createSelect(t("allStates"));
    const pressed = { class: "nowp-round nowp-toggle", label: t("starredOnly"), "aria-pressed": "false" };
    this.starred = h("button", { ...pressed, onclick: () => this.toggleStarred() }, icon("star"));
    this.count = h("span", { class: "nowp-count", role: "status" });
    const selects = h("div", { class: "nowp-filters" }, this.byModel, this.byTag, this.byStatus, this.count);
    this.el = h("div", { class: "nowp-tools" }, this.search, this.starred, selects);
  }

  /** @param {string} label */
  createSelect(label) {
    const { h } = this.ctx;
    const props = { class: "nowp-input nowp-select", "aria-label": label, hidden: true, onchange: this.onchange };
    return h("select", props, h("option", { value: "", text: label }));
  }

  /** @returns {Query} */
  get query() {
    return {
      text: this.search.value,
      model: this.byModel.value,
      tag: this.byTag.value,
      status: this.byStatus.value,
      starred: isPressed(this.starred),
    };
  }

  get isSet() {
    return Object.values(this.query).some(Boolean);
  }

  clear() {
    for (const field of [this.search, this.byModel, this.byTag, this.byStatus]) field.value = "";
    setPressed(this.starred, false);
    this.onchange();
    this.search.focus();
  }

  toggleStarred() {
    setPressed(this.starred, !isPressed(this.starred));
    this.onchange();
  }

  /** @param {number} count */
  showCount(count) {
    this.count.textContent = count ? this.ctx.t(count === 1 ? "one" : "shown", { count }) : "";
  }

  /** Offer what there is to filter by. @param {Choices} choices */
  setChoices({ models, tags, states }) {
    this.setOptions(this.byModel, models);
    this.setOptions(this.byTag, tags);
    this.setOptions(this.byStatus, states);
  }

  /** Offer at once what a row brings that was not there before. @param {Row} row */
  addChoices(row) {
    this.addOptions(this.byModel, [row.model]);
    this.addOptions(this.byTag, row.tags);
    this.addOptions(this.byStatus, [row.status]);
  }

  /** @param {HTMLSelectElement} select @param {string[]} values */
  addOptions(select, values) {
    const known = [...select.options].map((one) => one.value).slice(1);
    const missing = values.filter((value) => value && !known.includes(value));
    if (missing.length) this.setOptions(select, [...known, ...missing]);
  }

  /** @param {HTMLSelectElement} select @param {string[]} values */
  setOptions(select, values) {
    const { h, t } = this.ctx;
    const { value } = select;
    const name = (/** @type {string} */ one) => (select === this.byStatus ? t(`status.${one}`) : one);
    fill(select, select.options[0], ...values.map((one) => h("option", { value: one, text: name(one) })));
    select.value = value;
    select.hidden = values.length < 2 && !value;
  }
}
