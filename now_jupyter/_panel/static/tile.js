import { icon, setLabel, setPressed } from "./dom.js";

/** @import { Context } from "./context.js" */
/** @import { Square } from "./layout.js" */
/** @import { Other, PictureMarks, Row, Spot } from "./types.d.ts" */
/** @typedef {Record<"focus" | "star" | "select" | "hold" | "release", () => void>} PlainActions */
/** @typedef {Record<"open" | "menu", (event: MouseEvent) => void>} MouseActions */
/** @typedef {PlainActions & MouseActions & {drag: (event: DragEvent) => void}} TileActions */

/** What came and is no picture to be seen, in words. @param {Context} ctx @param {Other} other */
export function nameOther({ t }, { kind, file, words }) {
  return words || `${t(`kind.${kind}`)} · ${file}`;
}

/** One picture in the gallery, or a generation that has none. */
export class Tile {
  /** @param {Context} ctx @param {Spot} spot @param {TileActions} on */
  constructor(ctx, spot, on) {
    const { h } = ctx;
    this.ctx = ctx;
    this.spot = spot;
    this.index = 0;
    this.picture = h("img", { class: "nowp-thumb", alt: "", draggable: "false", hidden: true });
    this.words = h("span");
    const name = `#${spot.number}`; // until its row is here
    const open = { class: "nowp-open", tabindex: "-1", "aria-label": name, onclick: on.open, onfocus: on.focus };
    const words = h("span", { class: "nowp-tile-words", "aria-hidden": "true" }, this.words);
    this.open = h("button", open, this.picture, words);
    const round = { class: "nowp-round nowp-on-picture nowp-toggle", tabindex: "-1" };
    this.star = h("button", { ...round, onclick: on.star }, icon("star"));
    this.pick = h("button", { ...round, onclick: on.select }, icon("check"));
    this.pick.classList.add("nowp-pick");
    const held = { onpointerdown: on.hold, onpointerup: on.release, ondragstart: on.drag, oncontextmenu: on.menu };
    const draggable = spot.output ? "true" : "false";
    this.badge = h("span", { class: "nowp-badge", "aria-hidden": "true", hidden: true });
    this.el = h("li", { class: "nowp-tile", draggable, ...held }, this.open, this.badge, this.pick, this.star);
  }

  /** Let the Tab key come here, or not. @param {boolean} on */
  setTabbable(on) {
    for (const one of [this.open, this.pick, this.star]) one.setAttribute("tabindex", on ? "0" : "-1");
  }

  focus() {
    this.open.focus({ preventScroll: true });
  }

  /** @param {number} index @param {number} count @param {Square} square */
  place(index, count, { x, y, width, side, before, after }) {
    const { el } = this;
    this.index = index;
    el.style.transform = `translate(${x}px, ${y}px)`;
    el.style.width = `${width}px`;
    el.style.height = `${side}px`;
    el.style.setProperty("--nowp-side", `${side}px`);
    el.classList.toggle("nowp-goes-on", after);
    el.classList.toggle("nowp-follows", before);
    el.setAttribute("aria-setsize", String(count));
    el.setAttribute("aria-posinset", String(index + 1));
  }

  /** @param {Row} row @param {string | undefined} address @param {boolean} isSelected */
  show(row, address, isSelected) {
    const marks = row.pictures.find((one) => one.output === this.spot.output);
    const { starred } = marks ?? row;
    this.showPicture(address);
    this.showWords(row, marks);
    this.el.dataset.status = row.status;
    this.el.classList.toggle("nowp-starred", starred);
    this.el.classList.toggle("nowp-chosen", isSelected);
    setLabel(this.star, this.ctx.t(starred ? "unstar" : "star"));
    setPressed(this.star, starred);
    setLabel(this.pick, this.ctx.t("choose"));
    setPressed(this.pick, isSelected);
  }

  /** @param {string | undefined} address */
  showPicture(address) {
    const { output } = this.spot;
    this.picture.hidden = !address;
    this.picture.classList.toggle("nowp-rough", Boolean(address) && !output);
    if (address && this.picture.src !== address) this.picture.src = address;
    this.el.classList.toggle("nowp-wordy", !address && !output);
  }

  /** @param {Row} row @param {PictureMarks | undefined} marks */
  showWords(row, marks) {
    const { number, status, prompt, model, others, failure } = row;
    const state = this.ctx.t(`status.${status}`);
    const came = marks ? [] : others.map((one) => nameOther(this.ctx, one));
    const join = (/** @type {string[]} */ ...parts) => parts.filter(Boolean).join(" · ");
    const ref = marks?.ref ?? `#${number}`;
    this.words.textContent = marks ? join(ref, prompt) : came.join("\n") || join(state, failure || prompt);
    const told = [status === "done" ? "" : state, failure, ...came, (marks ?? row).starred ? "★" : ""];
    const notes = (marks?.notes ?? []).map((note) => this.ctx.t(`badge.${note}`));
    this.badge.textContent = notes.join(" · ");
    this.badge.hidden = !notes.length;
    this.open.setAttribute("aria-label", join(ref, prompt, model, ...notes, ...told));
  }
}
