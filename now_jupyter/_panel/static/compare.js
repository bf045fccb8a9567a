import { createDifferences } from "./differences.js";
import { fill, focusedBeside, icon, setLabel, setPressed } from "./dom.js";
import { Marks } from "./marks.js";
import { keyOf, pairsOf } from "./spots.js";
import { Addresses } from "./wire.js";

/** @import { Context } from "./context.js" */
/** @import { Compared, Spot } from "./types.d.ts" */

const MOST_LARGE = 8;
const FLICKER_MS = 700;
/** @type {("slider" | "side" | "flicker")[]} */
const MODES = ["slider", "side", "flicker"];

/**
 * Two to four pictures: with a slider, side by side, or flickering, and what differs in their words and parameters.
 * Each can be starred, and one chosen as the winner: the others go to the trash.
 */
export class Comparison {
  /**
   * Laid over a panel where it can be closed, else alone.
   * @param {Context} ctx @param {(winner?: Spot) => void} [onclose]
   */
  constructor(ctx, onclose) {
    const { h, t, signal } = ctx;
    this.ctx = ctx;
    this.onclose = onclose;
    /** @type {Addresses<string>} */
    this.addresses = new Addresses(signal, MOST_LARGE);
    /** @type {Compared[]} */
    this.pictures = [];
    this.marks = new Marks(ctx, (spot) => this.pictures.find((one) => keyOf(one) === keyOf(spot))?.ref ?? "");
    /** @type {(typeof MODES)[number]} */
    this.mode = "slider";
    this.at = 0;
    /** Which one digits have named. */
    this.chosen = -1;
    this.timer = 0;
    signal.addEventListener("abort", () => clearInterval(this.timer), { once: true });
    this.modes = MODES.map((mode) => {
      const choose = { "aria-pressed": "false", text: t(mode), onclick: () => this.setMode(mode) };
      return h("button", { class: "nowp-segment", ...choose });
    });
    this.tools = h("div", { class: "nowp-zoom" });
    this.stage = h("div", { class: "nowp-compare-stage" });
    this.legend = h("div", { class: "nowp-legend", "aria-live": "off" });
    this.verdict = h("div", { class: "nowp-verdict", role: "group", "aria-label": t("winner") });
    this.apart = h("div", { class: "nowp-apart" });
    const close = { class: "nowp-round", label: t("close"), onclick: () => this.hide() };
    this.close = onclose ? h("button", close, icon("close")) : null;
    this.el = this.createElement();
  }

  createElement() {
    const { h, t } = this.ctx;
    const modal = { class: "nowp-over", role: "dialog", "aria-modal": "true", hidden: true };
    const look = this.onclose ? modal : { class: "nowp-alone", role: "region", tabindex: "-1" };
    const onkeydown = (/** @type {KeyboardEvent} */ event) => this.handleKey(event);
    const named = { "aria-label": t("compare"), "aria-description": t("compareKeys") };
    return h("div", { ...look, ...named, onkeydown }, this.createHeader(), this.createBody());
  }

  createHeader() {
    const { h, t } = this.ctx;
    const title = h("h3", { class: "nowp-title", text: t("compare") });
    const modes = h("div", { class: "nowp-segments", role: "group", "aria-label": t("compare") }, ...this.modes);
    return h("header", { class: "nowp-head" }, title, modes, this.tools, this.close);
  }

  createBody() {
    const { h, t } = this.ctx;
    const group = { tabindex: "0", role: "group", "aria-label": t("parameters") }; // keys can scroll it
    return h("div", { class: "nowp-compared", ...group }, this.stage, this.legend, this.verdict, this.apart);
  }

  /** @param {Compared[]} pictures */
  async open(pictures) {
    this.pictures = pictures.map((one) => ({ ...one }));
    this.addresses.clear();
    this.at = 0;
    this.chosen = -1;
    if (this.close) {
      this.ctx.cover(this.el);
      this.close.focus();
    }
    this.setMode(pictures.length > 2 ? "side" : "slider");
    this.showVerdict();
    await Promise.all([...pictures.map((one) => this.load(one)), this.showDifferences()]);
  }

  /** @param {Spot} [winner] */
  hide(winner) {
    clearInterval(this.timer);
    this.ctx.uncover(this.el);
    this.onclose?.(winner);
  }

  /** @param {KeyboardEvent} event */
  handleKey(event) {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const chosen = this.pictures[this.chosen];
    const isOnButton = target instanceof HTMLButtonElement;
    if (key === "Escape" && this.onclose) this.hide();
    else if (/^[1-9]$/.test(key)) this.choose(Number(key) - 1);
    else if (key.toLowerCase() === "s" && chosen) this.toggleStar(chosen);
    else if ((key.toLowerCase() === "k" || (key === "Enter" && !isOnButton)) && chosen) this.win(chosen);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {Compared} picture */
  async load({ number, output }) {
    const { ctx, addresses } = this;
    const key = keyOf({ number, output });
    if (addresses.get(key)) return;
    await ctx.attempt(async () => {
      const { mime, buffers } = await ctx.wire.ask("picture", { number, output });
      addresses.put(key, buffers[0], mime);
      this.setMode(this.mode);
    });
  }

  async showDifferences() {
    const { ctx, pictures } = this;
    await ctx.attempt(async () => {
      const answer = await ctx.wire.ask("compare", { spots: pairsOf(pictures) });
      const refs = pictures.map((one) => one.ref);
      fill(this.apart, ...createDifferences(ctx, refs, answer));
    });
  }

  // The winner

  /** Under the pictures: for each its number, its star, and the button that lets it win. */
  showVerdict() {
    const { h, t } = this.ctx;
    const cards = this.pictures.map((one, at) => {
      const star = { class: "nowp-round nowp-toggle", onclick: () => this.toggleStar(one) };
      const button = h("button", star, icon("star"));
      setLabel(button, `${t(one.starred ? "unstar" : "star")} ${one.ref}`);
      setPressed(button, one.starred);
      const named = { "aria-pressed": String(at === this.chosen), label: t("nameIt", { ref: one.ref, place: at + 1 }) };
      const name = h(
        "button",
        { class: "nowp-plain", ...named, onclick: () => this.choose(at) },
        `${at + 1} · ${one.ref}`,
      );
      const win = { class: "nowp-plain", label: t("win", { ref: one.ref }), onclick: () => this.win(one) };
      const keep = h("button", win, icon("keep"), h("span", { text: t("winShort") }));
      return h("div", { class: "nowp-contestant" }, name, button, keep);
    });
    fill(this.verdict, ...cards);
  }

  /** Name one: it is shown, and S and K speak of it. @param {number} at */
  choose(at) {
    if (!this.pictures[at]) return;
    this.chosen = at;
    const named = /** @type {HTMLElement | undefined} */ (this.verdict.children[at]?.firstElementChild);
    this.showVerdict();
    if (named) /** @type {HTMLElement} */ (this.verdict.children[at].firstElementChild).focus();
    this.mark();
    this.ctx.announce(this.ctx.t("nameIt", { ref: this.pictures[at].ref, place: at + 1 }));
  }

  /** Frame the one that is named, where pictures stand side by side. */
  mark() {
    const key = this.pictures[this.chosen] && keyOf(this.pictures[this.chosen]);
    for (const one of this.stage.querySelectorAll("figure")) {
      one.classList.toggle("nowp-winner", one.dataset.key === key);
    }
  }

  /** @param {Compared} picture */
  async toggleStar(picture) {
    if (!(await this.marks.star([picture], !picture.starred))) return;
    picture.starred = !picture.starred;
    const at = this.pictures.indexOf(picture);
    this.showVerdict();
    /** @type {HTMLElement | undefined} */ (this.verdict.children[at]?.children[1])?.focus();
  }

  /** Keep one, and put the others into the trash. @param {Compared} picture */
  async win(picture) {
    const others = this.pictures.filter((one) => one !== picture);
    const all = this.pictures;
    const again = () => this.lay(all);
    if (!others.length || !(await this.marks.trash(others, this.onclose ? undefined : again))) return;
    if (this.onclose) this.hide(picture);
    else this.lay([picture]);
  }

  /** Show these, as they were given or as they are left. @param {Compared[]} pictures */
  lay(pictures) {
    this.pictures = pictures;
    this.at = 0;
    this.chosen = -1;
    this.setMode("side");
    const hadFocus = this.verdict.contains(focusedBeside(this.el));
    this.showVerdict();
    if (hadFocus) this.verdict.querySelector("button")?.focus();
  }

  // The ways of comparing

  /** @param {Compared} picture @param {string} mark */
  createImage(picture, mark = "") {
    const src = this.addresses.get(keyOf(picture));
    const named = { class: `nowp-original ${mark}`, alt: `${picture.ref} ${picture.alt}` };
    return this.ctx.h("img", { ...named, src, draggable: "false", hidden: !src });
  }

  /** @param {(typeof MODES)[number]} mode */
  setMode(mode) {
    this.mode = mode;
    clearInterval(this.timer);
    for (const [index, button] of this.modes.entries()) setPressed(button, MODES[index] === mode);
    this.stage.className = `nowp-compare-stage nowp-by-${mode}`;
    this.el.style.setProperty("--nowp-count", String(this.pictures.length));
    fill(this.tools);
    if (mode === "slider") this.showSlider();
    else if (mode === "side") this.showSideBySide();
    else this.showFlicker();
  }

  showSlider() {
    const { h, t } = this.ctx;
    const { pictures, at, stage } = this;
    const [first, second] = [pictures[at % pictures.length], pictures[(at + 1) % pictures.length]];
    const split = (/** @type {string} */ percent) => stage.style.setProperty("--nowp-split", `${percent}%`);
    const range = h("input", {
      ...{ type: "range", class: "nowp-divide", "aria-label": t("divide"), min: 0, max: 100, step: 1, value: 50 },
      oninput: () => split(range.value),
    });
    const next = () => {
      this.at += 1;
      this.showSlider();
    };
    const turn = h("button", { class: "nowp-plain", text: "⟳", label: t("next"), onclick: next });
    const line = h("i", { class: "nowp-line", "aria-hidden": "true" });
    split("50");
    fill(stage, this.createImage(second), this.createImage(first, "nowp-upper"), line, range);
    const [left, right] = [h("span", { text: first.ref }), h("span", { text: second.ref })];
    fill(this.legend, left, pictures.length > 2 ? turn : null, right);
  }

  showSideBySide() {
    const { h } = this.ctx;
    const caption = (/** @type {Compared} */ { ref }) => h("figcaption", { text: ref });
    const figures = this.pictures.map((one, at) => {
      const onclick = () => this.choose(at);
      return h("figure", { "data-key": keyOf(one), onclick }, this.createImage(one), caption(one));
    });
    fill(this.stage, ...figures);
    fill(this.legend);
    this.mark();
  }

  showFlicker() {
    const { h, t } = this.ctx;
    const { pictures } = this;
    const images = pictures.map((picture) => this.createImage(picture));
    const label = h("span");
    const play = h("button", { class: "nowp-plain", onclick: () => (this.timer ? stop() : start()) });
    const turn = (/** @type {number} */ by) => {
      this.at = (this.at + by + pictures.length) % pictures.length;
      for (const [index, one] of images.entries()) one.classList.toggle("nowp-away", index !== this.at);
      label.textContent = `${pictures[this.at].ref} · ${this.at + 1}/${pictures.length}`;
    };
    const start = () => {
      this.timer = window.setInterval(() => turn(1), FLICKER_MS);
      play.textContent = t("pause");
    };
    const stop = () => {
      clearInterval(this.timer);
      this.timer = 0;
      play.textContent = t("play");
    };
    const step = (/** @type {number} */ by) => () => {
      stop();
      turn(by);
    };
    stop();
    fill(this.stage, ...images);
    fill(this.legend, label);
    const back = h("button", { class: "nowp-round", label: t("previous"), onclick: step(-1) }, icon("left"));
    const on = h("button", { class: "nowp-round", label: t("next"), onclick: step(1) }, icon("right"));
    fill(this.tools, back, play, on);
    turn(0);
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) start();
  }
}
