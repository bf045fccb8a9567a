import { Details } from "./details.js";
import { fill, focusedBeside, icon, setLabel, setPressed } from "./dom.js";
import { nameOther } from "./tile.js";
import { Addresses, linesOf } from "./wire.js";
import { ZoomStage } from "./zoom.js";

/** @import { Context } from "./context.js" */
/** @import { DraftForm } from "./draft.js" */
/** @import { Gallery } from "./gallery.js" */
/** @import { Detail, Marked, Row } from "./types.d.ts" */

const MOST_ORIGINALS = 12;

/** The full view: one generation, large, and beside it its details. */
export class FullView {
  /** @param {Context} ctx @param {Gallery} gallery @param {DraftForm} form */
  constructor(ctx, gallery, form) {
    const { h, t } = ctx;
    this.ctx = ctx;
    this.gallery = gallery;
    this.form = form;
    /** @type {Detail | null} */
    this.shown = null;
    this.place = 1;
    /** @type {Addresses<string>} */
    this.originals = new Addresses(ctx.signal, MOST_ORIGINALS);
    this.stage = new ZoomStage(ctx);
    this.details = new Details(ctx, this);
    this.title = h("h3", { class: "nowp-title" });
    this.strip = h("div", { class: "nowp-strip", role: "group", "aria-label": t("gallery") });
    this.star = h("button", { class: "nowp-round nowp-toggle", onclick: () => this.toggleStar() }, icon("star"));
    const pick = { class: "nowp-round nowp-toggle nowp-pick", label: t("choose") };
    this.pick = h("button", { ...pick, onclick: () => this.toggleSelected() }, icon("check"));
    this.close = this.createButton("close", t("close"), () => this.hide());
    const modal = { role: "dialog", "aria-modal": "true", "aria-label": t("gallery") };
    const left = h("div", { class: "nowp-left" }, this.stage.el, this.strip);
    this.el = h(
      "div",
      { class: "nowp-over", ...modal, hidden: true, onkeydown: (event) => this.handleKey(event) },
      this.createHeader(),
      h("div", { class: "nowp-full" }, left, this.details.el),
    );
  }

  /** @param {Parameters<typeof icon>[0]} name @param {string} label @param {() => void} onclick */
  createButton(name, label, onclick) {
    return this.ctx.h("button", { class: "nowp-round", label, onclick }, icon(name));
  }

  createHeader() {
    const { h, t } = this.ctx;
    return h(
      "header",
      { class: "nowp-head" },
      this.createButton("left", t("previous"), () => this.step(-1)),
      this.createButton("right", t("next"), () => this.step(1)),
      this.title,
      this.stage.tools,
      this.star,
      this.pick,
      this.createButton("trash", t("trash"), () => this.trash()),
      this.close,
    );
  }

  // Which generation

  /**
   * Show a generation; the focus goes to a part of it, or stays.
   * @param {number} number @param {"close" | "tag" | "stay"} focus
   */
  async open(number, focus = "close") {
    const { ctx } = this;
    await ctx.attempt(async () => {
      this.shown = await ctx.wire.ask("detail", { number });
      this.place = 1;
      this.details.tagField.value = "";
      ctx.cover(this.el);
      this.show();
      if (focus === "close") this.close.focus();
      if (focus === "tag") this.details.tagField.focus();
    });
  }

  hide() {
    this.ctx.uncover(this.el);
    if (this.shown) this.gallery.goTo(this.shown.number);
    this.shown = null;
  }

  /** What is gone leaves its place to the older neighbour, else to the newer. @param {number} [number] */
  leave(number) {
    if (!this.shown || (number !== undefined && number !== this.shown.number)) return;
    const { grid } = this.gallery;
    const next = number === undefined ? undefined : (grid.beside(number, 1) ?? grid.beside(number, -1));
    if (next === undefined) this.hide();
    else this.open(next, "stay");
  }

  /** @param {number} by */
  step(by) {
    const other = this.shown ? this.gallery.grid.beside(this.shown.number, by) : undefined;
    if (other !== undefined) this.open(other);
  }

  /** Something about a generation changed: the kernel tells what. @param {Row} row */
  updateRow(row) {
    const { shown } = this;
    if (shown?.number !== row.number) return;
    this.renew();
  }

  /** Show what the kernel knows now; what is typed as a tag stays. */
  async renew() {
    const number = this.shown?.number;
    if (number === undefined) return;
    const detail = await this.ctx.attempt(() => this.ctx.wire.ask("detail", { number }));
    if (!detail || this.shown?.number !== detail.number) return;
    const { tagField } = this.details;
    const hadFocus = focusedBeside(this.el) === tagField;
    this.shown = detail;
    this.place = Math.min(this.place, Math.max(1, detail.count));
    this.show();
    if (hadFocus) tagField.focus();
  }

  // What is shown of it

  show() {
    const { shown } = this;
    if (!shown) return;
    this.title.textContent = `#${shown.number}`;
    this.el.setAttribute("aria-label", `#${shown.number} ${shown.alt}`);
    this.showMarks();
    this.details.show(shown, this.place);
    this.showStrip(shown);
    this.draw(shown);
  }

  /** The picture that is shown. */
  get picture() {
    return this.shown?.pictures[this.place - 1];
  }

  /** What the buttons mark: the picture that is shown, where there are several. @returns {Marked | undefined} */
  get marked() {
    const { shown, picture } = this;
    return shown ? { number: shown.number, output: (shown.count > 1 && picture?.number) || 0 } : undefined;
  }

  showMarks() {
    const { shown, star, pick, gallery } = this;
    if (!shown) return;
    const { starred } = this.picture ?? gallery.rows.get(shown.number) ?? shown;
    setLabel(star, this.ctx.t(starred ? "unstar" : "star"));
    setPressed(star, starred);
    setPressed(pick, gallery.selection.has(shown.number));
    pick.hidden = !shown.count;
  }

  /** @param {Detail} shown */
  showStrip({ pictures, count }) {
    const { h, t } = this.ctx;
    const buttons = pictures.map(({ place, number }) => {
      const label = t("picture", { place, count });
      const pressed = String(place === this.place);
      const onclick = () => this.showPlace(place);
      return h("button", { class: "nowp-plain", "aria-pressed": pressed, label, text: String(number), onclick });
    });
    fill(this.strip, ...(count > 1 ? buttons : []));
  }

  /** @param {number} place */
  showPlace(place) {
    this.place = place;
    this.show();
    this.strip.querySelectorAll("button")[place - 1].focus();
  }

  /** @param {Detail} shown */
  async draw({ number, count, alt, lines, others, status, version }) {
    const { stage, place, originals, ctx } = this;
    const key = `${number}.${place}.${version}`;
    const known = originals.get(key);
    const came = others.map((one) => nameOther(ctx, one));
    if (!count) stage.showLines([...came, ...(lines.length || came.length ? lines : [ctx.t(`status.${status}`)])]);
    else stage.show(known ?? this.gallery.rows.thumbs.get(number), alt, !known);
    if (!count || known) return;
    try {
      const { mime, buffers } = await ctx.wire.ask("picture", { number, place });
      const address = originals.put(key, buffers[0], mime);
      if (this.shown?.number === number && this.place === place) stage.show(address, alt, false);
    } catch (error) {
      if (this.shown?.number === number) stage.showLines(linesOf(error));
    }
  }

  // What is done with it

  toggleStar() {
    const { shown, picture, marked } = this;
    if (shown && marked) this.gallery.putStar(!(picture ?? shown).starred, marked);
  }

  toggleSelected() {
    if (this.shown) this.gallery.toggleSelected(this.shown.number);
    this.showMarks();
  }

  trash() {
    if (this.marked) this.gallery.trash(this.marked.number, this.marked.output);
  }

  /** @param {KeyboardEvent} event */
  handleKey(event) {
    const { key, target } = event;
    const isTyping = target instanceof HTMLInputElement;
    const steps = !this.stage.takesArrows(target);
    if (key === "Escape") this.hide();
    else if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    else if (key === "PageUp" || (key === "ArrowLeft" && steps)) this.step(-1);
    else if (key === "PageDown" || (key === "ArrowRight" && steps)) this.step(1);
    else if (key === "s") this.toggleStar();
    else if (key === "c") this.toggleSelected();
    else if (!this.stage.handleKey(event)) return;
    event.preventDefault();
    event.stopPropagation();
  }
}
