import { Details } from "./details.js";
import { fill, focusedBeside, icon, setLabel, setPressed } from "./dom.js";
import { toggleFullscreen } from "./room.js";
import { keyOf } from "./spots.js";
import { nameOther } from "./tile.js";
import { Addresses, linesOf } from "./wire.js";
import { ZoomStage } from "./zoom.js";

/** @import { Context } from "./context.js" */
/** @import { DraftForm } from "./draft.js" */
/** @import { Gallery } from "./gallery.js" */
/** @import { Detail, PictureDetail, Row, Spot } from "./types.d.ts" */
/** @typedef {Parameters<typeof icon>[0]} IconName */

const MOST_ORIGINALS = 12;

/** The full view: one picture, large, below it those of its generation, and beside it its details. */
export class FullView {
  /** @param {Context} ctx @param {Gallery} gallery @param {DraftForm} form */
  constructor(ctx, gallery, form) {
    const { h, t } = ctx;
    this.ctx = ctx;
    this.gallery = gallery;
    this.form = form;
    /** @type {Detail | null} */
    this.shown = null;
    this.output = 0;
    /** Which question came last: an answer to an earlier one comes too late. */
    this.turn = 0;
    /** @type {Addresses<string>} */
    this.originals = new Addresses(ctx.signal, MOST_ORIGINALS);
    this.stage = new ZoomStage(ctx);
    this.details = new Details(ctx, this);
    this.title = h("h3", { class: "nowp-title" });
    this.strip = h("div", { class: "nowp-strip", role: "group", "aria-label": t("strip") });
    this.star = h("button", { class: "nowp-round nowp-toggle", onclick: () => this.toggleStar() }, icon("star"));
    const pick = { class: "nowp-round nowp-toggle nowp-pick", label: t("choose") };
    this.pick = h("button", { ...pick, onclick: () => this.toggleSelected() }, icon("check"));
    this.keep = this.createButton("keep", "keep", () => this.keepThis());
    this.out = this.createOut();
    this.close = this.createButton("close", "close", () => this.hide());
    const modal = { role: "dialog", "aria-modal": "true", "aria-label": t("gallery") };
    const under = h("div", { class: "nowp-under" }, this.strip, this.out);
    this.left = h("div", { class: "nowp-left" }, this.stage.el, under);
    this.el = h(
      "div",
      { class: "nowp-over", ...modal, hidden: true, onkeydown: (event) => this.handleKey(event) },
      this.createHeader(),
      h("div", { class: "nowp-full" }, this.left, this.details.el),
    );
    this.letDrag();
  }

  /** @param {IconName} name @param {string} label its key among the words @param {() => void} onclick */
  createButton(name, label, onclick) {
    return this.ctx.h("button", { class: "nowp-round", label: this.ctx.t(label), onclick }, icon(name));
  }

  createHeader() {
    const { h } = this.ctx;
    const step = [
      this.createButton("left", "previous", () => this.step(-1)),
      this.createButton("right", "next", () => this.step(1)),
    ];
    const marks = [this.star, this.pick, this.keep, this.createButton("trash", "trash", () => this.trash())];
    const bar = h("div", { class: "nowp-zoom" }, ...marks, this.close);
    return h(
      "header",
      { class: "nowp-head" },
      h("div", { class: "nowp-zoom" }, ...step),
      this.title,
      this.stage.tools,
      bar,
    );
  }

  /** The ways out of the panel. */
  createOut() {
    const { handout } = this.gallery;
    const buttons = [
      this.createButton("download", "download", () => handout.download(this.spot)),
      this.createButton("copy", "copyPicture", () => handout.copyPicture(this.spot)),
      this.createButton("path", "copyPath", () => handout.copyPath(this.spot)),
      this.createButton("out", "openTab", () => handout.open(this.spot)),
      this.createButton("full", "fullscreen", () => this.toggleFullscreen()),
    ];
    return this.ctx.h("div", { class: "nowp-zoom nowp-out" }, ...buttons);
  }

  /** Let the picture be dragged out; while it is zoomed, dragging moves it. */
  letDrag() {
    const { handout, rows } = this.gallery;
    const { picture } = this.stage;
    const { signal } = this.ctx;
    picture.addEventListener("pointerdown", () => handout.hold(this.spot), { signal });
    picture.addEventListener("pointerup", () => handout.release(), { signal });
    const drag = (/** @type {DragEvent} */ event) => handout.drag(this.spot, rows.ref(this.spot), event);
    picture.addEventListener("dragstart", drag, { signal });
  }

  // Which picture

  /** What is shown. @returns {Spot} */
  get spot() {
    return { number: this.shown?.number ?? 0, output: this.output };
  }

  /** The picture that is shown, where it is one. */
  get picture() {
    return this.shown?.pictures.find((one) => one.output === this.output);
  }

  /** Its place among those of its generation, from 1. */
  get place() {
    return this.picture?.place ?? 1;
  }

  /**
   * Show a picture; the focus goes to a part of the view, or stays.
   * @param {Spot} spot @param {"close" | "tag" | "stay"} focus
   */
  async open(spot, focus = "close") {
    const { ctx } = this;
    this.turn += 1;
    const { turn } = this;
    await ctx.attempt(async () => {
      const isOther = this.shown?.number !== spot.number;
      const detail = isOther ? await ctx.wire.ask("detail", { number: spot.number }) : this.shown;
      if (!detail || this.turn !== turn) return;
      this.take(detail, spot.output);
      this.details.tagField.value = "";
      if (this.el.hidden) ctx.cover(this.el);
      this.show();
      if (focus === "close") this.close.focus();
      if (focus === "tag") this.details.tagField.focus();
    });
  }

  /** @param {Detail} detail @param {number} output */
  take(detail, output) {
    this.shown = detail;
    const isThere = detail.pictures.some((one) => one.output === output);
    this.output = isThere ? output : (detail.pictures[0]?.output ?? 0);
  }

  hide() {
    const { spot, shown } = this;
    this.turn += 1;
    if (document.fullscreenElement && this.el.contains(focusedBeside(this.el))) document.exitFullscreen();
    this.ctx.uncover(this.el);
    this.shown = null;
    if (shown) this.gallery.goTo(spot);
  }

  /** What is gone leaves its place to the older neighbour, else to the newer. @param {number} [number] */
  leave(number) {
    if (number === undefined) this.originals.clear(); // in another folder the same numbers are other pictures
    if (!this.shown || (number !== undefined && number !== this.shown.number)) return;
    const next = number === undefined ? undefined : this.neighbour(({ number: other }) => other !== number);
    if (next === undefined) this.hide();
    else this.open(next, "stay");
  }

  /** What stands beside and stays. @param {(spot: Spot) => boolean} stays @returns {Spot | undefined} */
  neighbour(stays) {
    const { grid } = this.gallery;
    for (const by of [1, -1]) {
      let other = grid.beside(this.spot, by);
      while (other && !stays(other)) other = grid.beside(other, by);
      if (other) return other;
    }
    return undefined;
  }

  /** @param {number} by */
  step(by) {
    const other = this.shown && this.gallery.grid.beside(this.spot, by);
    if (other) this.open(other, "stay");
  }

  /** @param {number} by */
  stepGeneration(by) {
    const other = this.shown && this.gallery.grid.besideGeneration(this.spot, by);
    if (other) this.open(other, "stay");
  }

  /** Something about a generation changed, and its tiles will: the kernel tells what. @param {Row} row */
  updateRow(row) {
    if (this.shown?.number !== row.number) return;
    const outputs = new Set(row.pictures.map((one) => one.output));
    const isLost = this.output && !outputs.has(this.output);
    const next = isLost ? this.neighbour((one) => one.number !== row.number || outputs.has(one.output)) : undefined;
    if (next && next.number !== row.number) this.open(next, "stay");
    else this.renew(next?.output);
  }

  /** Show what the kernel knows now; what is typed as a tag stays. @param {number} [output] */
  async renew(output) {
    const number = this.shown?.number;
    if (number === undefined) return;
    const detail = await this.ctx.attempt(() => this.ctx.wire.ask("detail", { number }));
    if (!detail || this.shown?.number !== detail.number) return;
    const focused = focusedBeside(this.el);
    this.take(detail, output ?? this.output);
    this.show();
    if (focused && this.details.el.contains(focused)) focused.focus(); // a field that stays, such as that for tags
  }

  // What is shown of it

  show() {
    const { shown } = this;
    if (!shown) return;
    const ref = this.picture?.ref ?? `#${shown.number}`;
    this.title.textContent = ref;
    this.el.setAttribute("aria-label", `${ref} ${shown.alt}`);
    this.showMarks();
    this.details.show(shown, this.place);
    this.showStrip(shown);
    this.draw(shown);
  }

  showMarks() {
    const { shown, star, pick, gallery } = this;
    if (!shown) return;
    const { starred } = this.picture ?? shown;
    setLabel(star, this.ctx.t(starred ? "unstar" : "star"));
    setPressed(star, starred);
    setPressed(pick, gallery.selection.has(this.spot));
    this.keep.hidden = shown.count < 2;
    this.out.hidden = !this.picture;
  }

  /** @param {Detail} shown */
  showStrip({ number, pictures, count }) {
    const hadFocus = this.strip.contains(focusedBeside(this.el));
    const buttons = count > 1 ? pictures.map((one) => this.createStripe(number, one, count)) : [];
    fill(this.strip, ...buttons);
    if (buttons.length) this.gallery.rows.wantThumbs(pictures.map(({ output }) => ({ number, output })));
    if (hadFocus) (buttons[this.place - 1] ?? this.stage.el).focus();
  }

  /** @param {number} number @param {PictureDetail} picture @param {number} count */
  createStripe(number, { place, output }, count) {
    const { h, t } = this.ctx;
    const spot = { number, output };
    const src = this.gallery.rows.address(spot);
    const label = t("picture", { place, count });
    const state = { "aria-pressed": String(output === this.output), "data-key": keyOf(spot) };
    const look = { class: "nowp-stripe", label, ...state, onclick: () => this.open(spot, "stay") };
    const image = h("img", { alt: "", src, hidden: !src, draggable: "false" });
    return h("button", look, image, h("span", { text: String(place) }));
  }

  /** Show a thumbnail that was not there before. @param {Spot} spot */
  updateThumb(spot) {
    this.details.updateThumb(spot);
    const src = this.gallery.rows.address(spot);
    /** @type {HTMLImageElement | null} */
    const image = this.strip.querySelector(`[data-key="${keyOf(spot)}"] img`);
    if (!image || !src) return;
    image.src = src;
    image.hidden = false;
  }

  /** @param {Detail} shown */
  async draw({ number, count, alt, lines, others, status }) {
    const { stage, output, originals, ctx, spot } = this;
    const key = keyOf(spot);
    const known = originals.get(key);
    const came = others.map((one) => nameOther(ctx, one));
    if (!count) stage.showLines([...came, ...(lines.length || came.length ? lines : [ctx.t(`status.${status}`)])]);
    else stage.show(known ?? this.gallery.rows.address(spot), alt, !known);
    if (!count || known) return;
    const isStill = () => this.shown?.number === number && this.output === output;
    try {
      const { mime, buffers } = await ctx.wire.ask("picture", { number, output });
      const address = originals.put(key, buffers[0], mime);
      if (isStill()) stage.show(address, alt, false);
    } catch (error) {
      if (isStill()) stage.showLines(linesOf(error));
    }
  }

  // What is done with it

  toggleStar() {
    const { shown, picture } = this;
    if (shown) this.gallery.marks.star([this.spot], !(picture ?? shown).starred);
  }

  toggleSelected() {
    if (this.shown) this.gallery.choose(this.spot);
    this.showMarks();
  }

  keepThis() {
    if (this.picture) this.gallery.marks.keep([this.spot]);
  }

  trash() {
    if (this.shown) this.gallery.marks.trash([this.spot]);
  }

  toggleFullscreen() {
    toggleFullscreen(this.left);
    this.stage.el.focus();
  }

  /** @param {string} key */
  showPlace(key) {
    const picture = this.shown?.pictures[Number(key) - 1];
    if (picture && this.shown) this.open({ number: this.shown.number, output: picture.output }, "stay");
  }

  /** @param {KeyboardEvent} event */
  handleKey(event) {
    const { key, target } = event;
    const isTyping = target instanceof HTMLInputElement;
    if (key === "Escape") this.hide();
    else if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    else if (!this.act(key, target) && !this.stage.handleKey(event)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Do what a key says; true where it says something. @param {string} key @param {EventTarget | null} target */
  act(key, target) {
    /** @type {Record<string, () => unknown>} */
    const deeds = {
      PageUp: () => this.stepGeneration(-1),
      PageDown: () => this.stepGeneration(1),
      ...(this.stage.takesArrows(target)
        ? {}
        : {
            ...{ ArrowLeft: () => this.step(-1), ArrowUp: () => this.step(-1) },
            ...{ ArrowRight: () => this.step(1), ArrowDown: () => this.step(1) },
          }),
      ...{ s: () => this.toggleStar(), c: () => this.toggleSelected(), k: () => this.keepThis() },
      ...{ t: () => this.details.tagField.focus(), f: () => this.toggleFullscreen() },
      ...{ Delete: () => this.trash(), Backspace: () => this.trash() },
    };
    const name = key.length === 1 ? key.toLowerCase() : key;
    if (/^[1-9]$/.test(name)) this.showPlace(name);
    else if (Object.hasOwn(deeds, name)) deeds[name]();
    else return false;
    return true;
  }
}
