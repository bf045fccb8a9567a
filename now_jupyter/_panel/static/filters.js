import { debounce, fill, icon, isPressed, setPressed } from "./dom.js";
import { toggleFullscreen } from "./room.js";

/** @import { Context } from "./context.js" */
/** @import { Choices, Query, Row } from "./types.d.ts" */

const SIZES = { min: 96, max: 320, step: 8 };
const FIRST_SIZE = 168;
const SIZE_STEP = 32;
const SIZE_KEPT = "now_jupyter.thumbnails";

/** What narrows the gallery: words, model, tag, status, star; beside them how many fit, and how large they are. */
export class Filters {
  /** @param {Context} ctx @param {{change: () => void, resize: (side: number) => void}} on */
  constructor(ctx, on) {
    const { h, t } = ctx;
    this.ctx = ctx;
    this.on = on;
    this.onchange = on.change;
    this.size = readSize();
    const oninput = debounce(ctx.signal, 200, on.change);
    const named = { "aria-label": t("search"), placeholder: t("search") };
    this.search = h("input", { class: "nowp-input nowp-search", type: "search", ...named, oninput });
    this.byModel = this.createSelect(t("allModels"));
    this.byTag = this.createSelect(t("allTags"));
    this.byStatus = this.createSelect(t("allStates"));
    const pressed = { class: "nowp-round nowp-toggle", label: t("starredOnly"), "aria-pressed": "false" };
    this.starred = h("button", { ...pressed, onclick: () => this.toggleStarred() }, icon("star"));
    this.count = h("span", { class: "nowp-count", role: "status" });
    const selects = h("div", { class: "nowp-filters" }, this.byModel, this.byTag, this.byStatus);
    this.slider = h("input", {
      ...{ type: "range", class: "nowp-size", label: t("thumbSize"), ...SIZES, value: this.size || FIRST_SIZE },
      oninput: () => this.resize(Number(this.slider.value)),
    });
    const full = { class: "nowp-round", label: t("fullscreen"), onclick: () => toggleFullscreen(ctx.root) };
    this.fullscreen = h("button", full, icon("full"));
    const looks = h("div", { class: "nowp-looks" }, this.count, this.slider, this.fullscreen);
    this.el = h("div", { class: "nowp-tools" }, this.search, this.starred, selects, looks);
  }

  /** Show tiles larger or smaller, and remember it in this browser. @param {number} side */
  resize(side) {
    this.size = Math.min(SIZES.max, Math.max(SIZES.min, side));
    this.slider.value = String(this.size);
    try {
      localStorage.setItem(SIZE_KEPT, String(this.size));
    } catch {
      // where pages may keep nothing, the size lasts as long as the view
    }
    this.on.resize(this.size);
  }

  /** @param {number} by steps */
  zoom(by) {
    this.resize((this.size || FIRST_SIZE) + by * SIZE_STEP);
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
    const offered = values.includes(value) || !value ? values : [...values, value]; // what narrows is named
    const fewest = select === this.byTag ? 1 : 2; // one tag tells pictures apart, one model does not
    const name = (/** @type {string} */ one) => (select === this.byStatus ? t(`status.${one}`) : one);
    fill(select, select.options[0], ...offered.map((one) => h("option", { value: one, text: name(one) })));
    select.value = value;
    select.hidden = offered.length < fewest && !value;
  }
}

/** The size that was chosen in this browser; 0 where none was. */
function readSize() {
  try {
    const kept = Number(localStorage.getItem(SIZE_KEPT));
    return kept >= SIZES.min && kept <= SIZES.max ? kept : 0;
  } catch {
    return 0;
  }
}
