import { icon, setLabel, setPressed } from "./dom.js";

/** @import { Context } from "./context.js" */
/** @import { Other, Row } from "./types.d.ts" */
/** @typedef {Record<"open" | "focus" | "star" | "select", (tile: Tile) => void>} TileActions */

/** What came and is no picture to be seen, in words. @param {Context} ctx @param {Other} other */
export function nameOther({ t }, { kind, file, words }) {
  return words || `${t(`kind.${kind}`)} · ${file}`;
}

/** One generation in the gallery. */
export class Tile {
  /** @param {Context} ctx @param {number} number @param {TileActions} on */
  constructor(ctx, number, on) {
    const { h } = ctx;
    this.ctx = ctx;
    this.number = number;
    this.index = 0;
    this.picture = h("img", { class: "nowp-thumb", alt: "", draggable: "false", hidden: true });
    this.words = h("span");
    const open = { class: "nowp-open", tabindex: "-1", onclick: () => on.open(this), onfocus: () => on.focus(this) };
    const words = h("span", { class: "nowp-tile-words", "aria-hidden": "true" }, this.words);
    this.open = h("button", open, this.picture, words);
    const round = { class: "nowp-round nowp-on-picture nowp-toggle", tabindex: "-1" };
    this.star = h("button", { ...round, onclick: () => on.star(this) }, icon("star"));
    this.pick = h("button", { ...round, onclick: () => on.select(this) }, icon("check"));
    this.pick.classList.add("nowp-pick");
    this.badge = h("span", { class: "nowp-badge", "aria-hidden": "true" });
    this.el = h("li", { class: "nowp-tile" }, this.open, this.pick, this.star, this.badge);
  }

  /** Let the Tab key come here, or not. @param {boolean} on */
  setTabbable(on) {
    for (const one of [this.open, this.pick, this.star]) one.setAttribute("tabindex", on ? "0" : "-1");
  }

  focus() {
    this.open.focus({ preventScroll: true });
  }

  /** @param {number} index @param {number} count @param {{x: number, y: number, side: number}} square */
  place(index, count, { x, y, side }) {
    this.index = index;
    this.el.style.transform = `translate(${x}px, ${y}px)`;
    this.el.style.width = `${side}px`;
    this.el.style.height = `${side}px`;
    this.el.setAttribute("aria-setsize", String(count));
    this.el.setAttribute("aria-posinset", String(index + 1));
  }

  /** @param {Row} row @param {string | undefined} address @param {boolean} isSelected */
  show(row, address, isSelected) {
    this.showPicture(row, address);
    this.showWords(row);
    this.el.dataset.status = row.status;
    this.el.classList.toggle("nowp-starred", row.starred);
    this.el.classList.toggle("nowp-chosen", isSelected);
    setLabel(this.star, this.ctx.t(row.starred ? "unstar" : "star"));
    setPressed(this.star, row.starred);
    setLabel(this.pick, this.ctx.t("choose"));
    setPressed(this.pick, isSelected);
    this.pick.hidden = !row.count;
  }

  /** @param {Row} row @param {string | undefined} address */
  showPicture({ count }, address) {
    this.picture.hidden = !address;
    this.picture.classList.toggle("nowp-rough", Boolean(address) && !count);
    if (address && this.picture.src !== address) this.picture.src = address;
    this.el.classList.toggle("nowp-wordy", !address && !count);
    this.badge.textContent = count > 1 ? String(count) : "";
  }

  /** @param {Row} row */
  showWords({ number, status, prompt, model, count, others, starred, failure }) {
    const state = this.ctx.t(`status.${status}`);
    const came = others.map((one) => nameOther(this.ctx, one));
    const instead = came.length ? came.join("\n") : `${state} · ${failure || prompt}`;
    this.words.textContent = count ? prompt : instead;
    const told = [status === "done" ? "" : state, failure, ...came, starred ? "★" : ""];
    const parts = [`#${number}`, prompt, model, ...told];
    this.open.setAttribute("aria-label", parts.filter(Boolean).join(" · "));
  }
}
