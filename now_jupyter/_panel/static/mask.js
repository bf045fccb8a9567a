import { Brush } from "./brush.js";
import { fill, icon, setPressed } from "./dom.js";
import { Easel } from "./easel.js";
import { encodePng } from "./png.js";
import { Raster } from "./raster.js";

/** @import { Context } from "./context.js" */
/** @import { Tool } from "./brush.js" */
/** @import { Point } from "./raster.js" */
/** @import { Bytes, Paintable } from "./types.d.ts" */

const ZOOM = 1.25;
const WIDER = 1.25;
const LEAST = 1;
const LARGEST = 2000;
const MOST_AMOUNT = 200;
const WHEEL = 500;
/** @type {{name: Tool, key: string}[]} */
const TOOLS = [
  { name: "brush", key: "B" },
  { name: "eraser", key: "E" },
  { name: "rectangle", key: "R" },
  { name: "lasso", key: "L" },
];
/** @type {Record<string, Point>} */
const WAYS = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

/** Where a mask is painted over a picture: with mouse, touch, pen or keys. */
export class MaskEditor {
  /**
   * @param {Context} ctx
   * @param {{onchange?: () => void, buttons?: HTMLElement[]}} given `buttons` stand at the end of the bar
   */
  constructor(ctx, { onchange = () => {}, buttons = [] }) {
    const { h, t } = ctx;
    this.ctx = ctx;
    this.onchange = onchange;
    this.easel = new Easel(ctx, () => this.brush?.drawGuide());
    this.brush = new Brush(this.easel);
    this.isSpaceDown = false;
    /** Where each finger or button is that is down. @type {Map<number, Point>} */
    this.pointers = new Map();
    this.isMoving = false;
    this.tools = TOOLS.map(({ name, key }) => this.createTool(name, key));
    this.size = this.createNumber(t("brushSize"), this.brush.size, LARGEST, (size) => this.setSize(size));
    this.amount = this.createNumber(t("pixels"), 8, MOST_AMOUNT, () => {});
    this.share = h("output", { class: "nowp-share" });
    this.listen();
    const keys = h("p", { class: "nowp-unseen", id: ctx.createId("keys"), text: t("maskKeys") });
    this.easel.el.setAttribute("aria-describedby", keys.id);
    const onkeydown = (/** @type {KeyboardEvent} */ event) => this.handleKey(event);
    const onkeyup = (/** @type {KeyboardEvent} */ event) => this.handleKeyUp(event);
    this.el = h(
      "div",
      { class: "nowp-mask", onkeydown, onkeyup },
      this.createBar(buttons),
      this.easel.el,
      this.createFoot(),
      keys,
    );
    this.pick("brush");
  }

  /** @param {Tool} name @param {string} key */
  createTool(name, key) {
    const { h, t } = this.ctx;
    const label = `${t(name)} (${key})`;
    const props = { class: "nowp-round nowp-toggle", label, "data-tool": name, "aria-keyshortcuts": key };
    return h("button", { ...props, onclick: () => this.pick(name) }, icon(name));
  }

  /** @param {string} label @param {number} value @param {number} most @param {(value: number) => void} onchange */
  createNumber(label, value, most, onchange) {
    const { h } = this.ctx;
    const take = () => onchange(Number(input.value) || LEAST);
    const range = { type: "number", min: LEAST, max: most, step: 1, value, oninput: take };
    const input = h("input", { class: "nowp-input nowp-count", label, ...range });
    return input;
  }

  /** A number with its name before and its unit behind it. @param {string} name @param {HTMLElement} field */
  createMeasure(name, field) {
    const { h, t } = this.ctx;
    return h("span", { class: "nowp-measure" }, h("span", { text: t(name) }), field, h("span", { text: "px" }));
  }

  /** @param {Parameters<typeof icon>[0]} name @param {string} label @param {() => void} onclick */
  createButton(name, label, onclick) {
    return this.ctx.h("button", { class: "nowp-round", label, onclick }, icon(name));
  }

  /** @param {HTMLElement[]} buttons */
  createBar(buttons) {
    const { h, t } = this.ctx;
    const group = (/** @type {string} */ label, /** @type {HTMLElement[]} */ ...parts) =>
      h("div", { class: "nowp-group", role: "group", "aria-label": label }, ...parts);
    const step = (/** @type {string} */ name, /** @type {() => void} */ work) =>
      h("button", { class: "nowp-plain", text: t(name), title: t(`${name}Why`), onclick: () => this.change(work) });
    const by = () => Math.min(MOST_AMOUNT, Math.max(LEAST, Math.round(Number(this.amount.value) || LEAST)));
    return h(
      "header",
      { class: "nowp-head nowp-bench" },
      group(t("tools"), ...this.tools, this.createMeasure("size", this.size)),
      group(
        t("outline"),
        this.createMeasure("by", this.amount),
        step("grow", () => this.raster?.spread(1, by())),
        step("shrink", () => this.raster?.spread(0, by())),
        step("feather", () => this.raster?.smooth(by())),
      ),
      group(
        t("region"),
        step("invert", () => this.raster?.invert()),
        step("clearMask", () => this.raster?.fillAll()),
        this.createButton("undo", `${t("undo")} (Ctrl+Z)`, () => this.goBack("done")),
        this.createButton("redo", `${t("redo")} (Ctrl+Shift+Z)`, () => this.goBack("undone")),
      ),
      group(
        t("zoom"),
        this.createButton("minus", t("zoomOut"), () => this.easel.zoom(1 / ZOOM)),
        h("button", { class: "nowp-plain", text: t("zoomFit"), onclick: () => this.easel.fit() }),
        this.createButton("plus", t("zoomIn"), () => this.easel.zoom(ZOOM)),
      ),
      ...buttons,
    );
  }

  createFoot() {
    const { h, t } = this.ctx;
    return h("footer", { class: "nowp-foot" }, this.share, h("span", { class: "nowp-hint", text: t("maskHint") }));
  }

  get raster() {
    return this.easel.raster;
  }

  /** Show a picture, and the mask that there is. @param {Paintable & {buffers: Bytes[]}} given @param {string} alt */
  async show({ mime, width, height, buffers: [data, bits] }, alt) {
    const address = URL.createObjectURL(new Blob([data], { type: mime }));
    const picture = this.ctx.h("img", { src: address, alt });
    try {
      await picture.decode();
    } finally {
      URL.revokeObjectURL(address);
    }
    const raster = new Raster(width, height);
    if (bits) raster.load(bits);
    this.brush.at = null;
    this.setSize(Math.max(LEAST, Math.round(Math.max(width, height) / 20)));
    this.easel.show(picture, raster);
    this.tell();
    this.easel.el.focus();
  }

  /** The mask as PNG, white where it is to be repainted; null where nothing is. */
  async encode() {
    return this.raster?.count ? encodePng(this.raster) : null;
  }

  // What is done

  /** @param {Tool} name */
  pick(name) {
    this.brush.cancel();
    this.brush.tool = name;
    for (const one of this.tools) setPressed(one, one.dataset.tool === name);
    if (this.raster) this.brush.show();
  }

  /** @param {number} size */
  setSize(size) {
    this.brush.size = Math.min(LARGEST, Math.max(LEAST, size));
    if (this.size && Number(this.size.value) !== this.brush.size) this.size.value = String(Math.round(this.brush.size));
    if (this.raster) this.brush.show();
  }

  /** Do something to the whole region, as one step. @param {() => void} work */
  change(work) {
    if (!this.raster) return;
    this.brush.cancel();
    work();
    this.raster.commit();
    this.brush.show();
    this.tell();
    this.onchange();
  }

  /** @param {"done" | "undone"} from */
  goBack(from) {
    this.brush.cancel();
    if (!this.raster?.swap(from)) return;
    this.brush.show();
    this.tell();
    this.onchange();
  }

  /** Say how much is marked. */
  tell() {
    const { raster } = this;
    if (!raster) return;
    const share = (100 * raster.count) / (raster.width * raster.height);
    const shown = share && share < 0.1 ? "< 0.1" : share.toFixed(1);
    const text = raster.count ? this.ctx.t("marked", { share: shown }) : this.ctx.t("nothingMarked");
    fill(this.share, text);
    this.ctx.announce(text);
  }

  // Pointers

  listen() {
    const { signal } = this.ctx;
    const { el } = this.easel;
    const wheel = (/** @type {WheelEvent} */ event) => {
      event.preventDefault();
      this.easel.zoom(2 ** (-event.deltaY / WHEEL), this.easel.placeOf(event));
    };
    el.addEventListener("wheel", wheel, { signal, passive: false });
    el.addEventListener("pointerdown", (event) => this.press(event), { signal });
    el.addEventListener("pointermove", (event) => this.drag(event), { signal });
    el.addEventListener("pointerup", (event) => this.release(event), { signal });
    el.addEventListener("pointercancel", (event) => this.release(event, true), { signal });
    el.addEventListener("pointerleave", () => this.leave(), { signal });
    el.addEventListener("contextmenu", (event) => event.preventDefault(), { signal });
  }

  /** @param {PointerEvent} event */
  press(event) {
    if (!this.raster || event.button === 2) return;
    event.preventDefault();
    this.easel.el.focus({ preventScroll: true });
    this.easel.el.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.easel.placeOf(event));
    const moves = this.isSpaceDown || event.button === 1 || this.pointers.size > 1;
    if (moves) this.brush.cancel(); // the first of two fingers has begun to paint
    this.isMoving ||= moves;
    if (!this.isMoving) this.brush.begin(this.easel.pointOf(event), pressureOf(event), event.altKey);
  }

  /** @param {PointerEvent} event */
  drag(event) {
    if (!this.raster) return;
    if (this.isMoving) this.moveOrPinch(event);
    else {
      const every = this.brush.isDrawing ? event.getCoalescedEvents?.() : [];
      for (const one of every?.length ? every : [event]) this.brush.move(this.easel.pointOf(one), pressureOf(one));
    }
  }

  /** One pointer moves the picture, two zoom it as well. @param {PointerEvent} event */
  moveOrPinch(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = this.easel.placeOf(event);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    const share = other ? 0.5 : 1;
    if (other) {
      const apart = (/** @type {Point} */ at) => Math.max(1, Math.hypot(at.x - other.x, at.y - other.y));
      this.easel.zoom(apart(now) / apart(before), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
    }
    this.easel.move((now.x - before.x) * share, (now.y - before.y) * share);
  }

  /** @param {PointerEvent} event @param {boolean} isCancelled */
  release(event, isCancelled = false) {
    if (!this.pointers.delete(event.pointerId)) return;
    if (this.isMoving) this.isMoving = this.pointers.size > 0;
    else if (isCancelled) this.brush.cancel();
    else this.endStroke(this.easel.pointOf(event), pressureOf(event));
  }

  /** @param {Point} point @param {number} pressure */
  endStroke(point, pressure) {
    if (!this.brush.isDrawing) return;
    if (!this.brush.isStroke) this.brush.move(point, pressure);
    this.brush.end();
    this.tell();
    this.onchange();
  }

  leave() {
    if (this.brush.isDrawing || !this.raster) return;
    this.brush.at = null;
    this.brush.drawGuide();
  }

  // Keys

  /** @param {KeyboardEvent} event */
  handleKey(event) {
    const { target, key } = event;
    const isField = target instanceof HTMLInputElement;
    const isTaken = event.ctrlKey || event.metaKey ? this.handleCommand(event) : !isField && this.handlePlain(event);
    if (isTaken) event.preventDefault();
    if (isTaken || key !== "Escape") event.stopPropagation(); // plain keys mean other things around the panel
  }

  /** @param {KeyboardEvent} event */
  handleCommand({ key, shiftKey }) {
    const letter = key.toLowerCase();
    if (letter === "z") this.goBack(shiftKey ? "undone" : "done");
    else if (letter === "y") this.goBack("undone");
    else return false;
    return true;
  }

  /** @param {KeyboardEvent} event */
  handlePlain(event) {
    const { key } = event;
    const tool = TOOLS.find((one) => one.key === key.toUpperCase());
    const isOnEasel = event.target === this.easel.el;
    if (tool) this.pick(tool.name);
    else if (key === "[") this.setSize(Math.min(this.brush.size - 1, this.brush.size / WIDER));
    else if (key === "]") this.setSize(Math.max(this.brush.size + 1, this.brush.size * WIDER));
    else if (key.toLowerCase() === "i") this.change(() => this.raster?.invert());
    else if (key === "+" || key === "=") this.easel.zoom(ZOOM);
    else if (key === "-") this.easel.zoom(1 / ZOOM);
    else if (key === "0") this.easel.fit();
    else if (key === "Escape" && this.brush.isDrawing) this.brush.cancel();
    else if (!isOnEasel || !this.raster) return false;
    else if (key === " ") this.isSpaceDown = true;
    else if (WAYS[key]) this.moveCursor(WAYS[key], event.shiftKey);
    else if (key === "Enter") this.enter(event.shiftKey, event.altKey);
    else return false;
    return true;
  }

  /** @param {KeyboardEvent} event */
  handleKeyUp({ key }) {
    if (key === " ") this.isSpaceDown = false;
  }

  /** Move by a part of the brush, or by one pixel. @param {Point} way @param {boolean} isFine */
  moveCursor(way, isFine) {
    const { raster, brush } = this;
    if (!raster) return;
    const step = isFine ? 1 : Math.max(1, Math.round(brush.size / 4));
    const from = brush.at ?? { x: Math.floor(raster.width / 2) + 0.5, y: Math.floor(raster.height / 2) + 0.5 };
    const keep = (/** @type {number} */ at, /** @type {number} */ room) =>
      Math.min(Math.max(Math.floor(at), 0), room - 1) + 0.5;
    const point = { x: keep(from.x + way.x * step, raster.width), y: keep(from.y + way.y * step, raster.height) };
    if (brush.tool === "rectangle" && brush.isDrawing) brush.move(point, 1);
    brush.at = point;
    this.easel.reveal(point);
    brush.show();
    this.ctx.announce(this.ctx.t("cursorAt", { x: Math.floor(point.x), y: Math.floor(point.y) }));
  }

  /** Paint at the cursor, set a corner, or with Shift end the lasso. @param {boolean} ends @param {boolean} takes */
  enter(ends, takes) {
    const { brush } = this;
    if (!brush.at) this.moveCursor({ x: 0, y: 0 }, true);
    const at = /** @type {Point} */ (brush.at);
    const isSecond = brush.isDrawing;
    if (!isSecond) brush.begin(at, 1, takes);
    else if (brush.tool === "lasso") brush.move(at, 1);
    if (brush.isStroke || ends || (brush.tool === "rectangle" && isSecond)) this.endStroke(at, 1);
  }
}

/** How hard a pen presses, 0 to 1; what cannot tell presses fully. @param {PointerEvent} event */
function pressureOf({ pointerType, pressure }) {
  return pointerType === "pen" && pressure > 0 ? pressure : 1;
}
