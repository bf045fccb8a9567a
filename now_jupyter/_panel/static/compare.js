import { createDifferences } from "./differences.js";
import { fill, icon, setPressed } from "./dom.js";
import { Addresses } from "./wire.js";

/** @import { Context } from "./context.js" */
/** @import { Compared } from "./types.d.ts" */

const MOST_COMPARED = 8;
const FLICKER_MS = 700;
/** @type {("slider" | "side" | "flicker")[]} */
const MODES = ["slider", "side", "flicker"];

/** Two to four pictures: with a slider, side by side, or flickering, and what differs in their words and parameters. */
export class Comparison {
  /** Laid over a panel where it can be closed, else alone. @param {Context} ctx @param {() => void} [onclose] */
  constructor(ctx, onclose) {
    const { h, t, signal } = ctx;
    this.ctx = ctx;
    this.onclose = onclose;
    /** @type {Addresses<string>} */
    this.addresses = new Addresses(signal, MOST_COMPARED);
    /** @type {Compared[]} */
    this.pictures = [];
    /** @type {(typeof MODES)[number]} */
    this.mode = "slider";
    this.at = 0;
    this.timer = 0;
    signal.addEventListener("abort", () => clearInterval(this.timer), { once: true });
    this.modes = MODES.map((mode) => {
      const choose = { "aria-pressed": "false", text: t(mode), onclick: () => this.setMode(mode) };
      return h("button", { class: "nowp-segment", ...choose });
    });
    this.tools = h("div", { class: "nowp-zoom" });
    this.stage = h("div", { class: "nowp-compare-stage" });
    this.legend = h("div", { class: "nowp-legend", "aria-live": "off" });
    this.apart = h("div", { class: "nowp-apart" });
    const close = { class: "nowp-round", label: t("close"), onclick: () => this.hide() };
    this.close = onclose ? h("button", close, icon("close")) : null;
    const modal = { class: "nowp-over", role: "dialog", "aria-modal": "true", hidden: true };
    this.el = h(
      "div",
      {
        ...(onclose ? modal : { class: "nowp-alone", role: "region" }),
        "aria-label": t("compare"),
        onkeydown: (event) => this.handleKey(event),
      },
      this.createHeader(),
      this.createBody(),
    );
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
    return h("div", { class: "nowp-compared", ...group }, this.stage, this.legend, this.apart);
  }

  /** @param {Compared[]} pictures */
  async open(pictures) {
    this.pictures = pictures;
    this.at = 0;
    if (this.close) {
      this.ctx.cover(this.el);
      this.close.focus();
    }
    this.setMode(pictures.length > 2 ? "side" : "slider");
    await Promise.all([...pictures.map((one) => this.load(one)), this.showDifferences()]);
  }

  hide() {
    clearInterval(this.timer);
    this.ctx.uncover(this.el);
    this.onclose?.();
  }

  /** @param {KeyboardEvent} event */
  handleKey(event) {
    if (event.key !== "Escape" || !this.onclose) return;
    event.preventDefault();
    event.stopPropagation();
    this.hide();
  }

  /** @param {Compared} picture */
  async load({ number, place }) {
    const { ctx, addresses } = this;
    const key = `${number}.${place}`;
    if (addresses.get(key)) return;
    await ctx.attempt(async () => {
      const { mime, buffers } = await ctx.wire.ask("picture", { number, place });
      addresses.put(key, buffers[0], mime);
      this.setMode(this.mode);
    });
  }

  async showDifferences() {
    const { ctx, pictures } = this;
    await ctx.attempt(async () => {
      const spots = pictures.map(({ number, place }) => /** @type {[number, number]} */ ([number, place]));
      const answer = await ctx.wire.ask("compare", { pictures: spots });
      const refs = pictures.map((one) => one.ref);
      fill(this.apart, ...createDifferences(ctx, refs, answer));
    });
  }

  /** @param {Compared} picture @param {string} mark */
  createImage({ number, place, ref, alt }, mark = "") {
    const src = this.addresses.get(`${number}.${place}`);
    const named = { class: `nowp-original ${mark}`, alt: `${ref} ${alt}` };
    return this.ctx.h("img", { ...named, src, draggable: "false", hidden: !src });
  }

  /** @param {(typeof MODES)[number]} mode */
  setMode(mode) {
    this.mode = mode;
    clearInterval(this.timer);
    for (const [index, button] of this.modes.entries()) setPressed(button, MODES[index] === mode);
    this.stage.className = `nowp-compare-stage nowp-by-${mode}`;
    this.stage.style.setProperty("--nowp-count", String(this.pictures.length));
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
    fill(this.stage, ...this.pictures.map((one) => h("figure", {}, this.createImage(one), caption(one))));
    fill(this.legend);
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
