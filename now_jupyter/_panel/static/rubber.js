/** @import { Context } from "./context.js" */
/** @import { Gallery } from "./gallery.js" */
/** @import { Spot } from "./types.d.ts" */

const LEAST_DRAWN = 4;
const EDGE_OF_SCROLLER = 24;

/** Choose by drawing a frame, begun on the empty ground; with Ctrl, Cmd or Shift in addition to what is chosen. */
export class RubberBand {
  /** @param {Context} ctx @param {Gallery} gallery */
  constructor(ctx, gallery) {
    this.gallery = gallery;
    this.scroller = gallery.grid.el;
    this.frame = ctx.h("div", { class: "nowp-rubber", "aria-hidden": "true", hidden: true });
    gallery.grid.canvas.after(this.frame);
    /** Where it began. @type {[x: number, y: number] | null} */
    this.from = null;
    /** @type {Spot[]} */
    this.base = [];
    this.moved = false;
    /** @type {[string, (event: PointerEvent) => void][]} */
    const listeners = [
      ["pointerdown", (event) => this.begin(event)],
      ["pointermove", (event) => this.move(event)],
      ["pointerup", () => this.end()],
      ["pointercancel", () => this.end()],
    ];
    for (const [name, listen] of listeners) {
      const handle = (/** @type {Event} */ event) => listen(/** @type {PointerEvent} */ (event));
      this.scroller.addEventListener(name, handle, { signal: ctx.signal });
    }
  }

  /** A place of the page as one of the canvas. @param {PointerEvent} event @returns {[number, number]} */
  inCanvas({ clientX, clientY }) {
    const { left, top } = this.gallery.grid.canvas.getBoundingClientRect();
    return [clientX - left, clientY - top];
  }

  /** @param {PointerEvent} event */
  begin(event) {
    const { target, button, pointerType, offsetX } = event;
    const onGround = target instanceof Element && !target.closest(".nowp-tile, button, a");
    const onBar = target === this.scroller && offsetX > this.scroller.clientWidth;
    if (!onGround || onBar || button || pointerType === "touch") return;
    const { selection } = this.gallery;
    const isMore = event.ctrlKey || event.metaKey || event.shiftKey;
    this.base = isMore ? selection.spots : [];
    if (!isMore) selection.clear();
    this.from = this.inCanvas(event);
    this.moved = false;
    this.scroller.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (!this.from) return;
    const { scroller } = this;
    const { top, bottom } = scroller.getBoundingClientRect();
    if (event.clientY < top + EDGE_OF_SCROLLER) scroller.scrollTop -= EDGE_OF_SCROLLER;
    if (event.clientY > bottom - EDGE_OF_SCROLLER) scroller.scrollTop += EDGE_OF_SCROLLER;
    const [x, y] = this.inCanvas(event);
    this.moved ||= Math.hypot(x - this.from[0], y - this.from[1]) > LEAST_DRAWN;
    if (this.moved) this.draw(Math.min(x, this.from[0]), Math.min(y, this.from[1]), x, y);
  }

  /** @param {number} left @param {number} top @param {number} x @param {number} y */
  draw(left, top, x, y) {
    if (!this.from) return;
    const { grid, selection } = this.gallery;
    const [right, bottom] = [Math.max(x, this.from[0]), Math.max(y, this.from[1])];
    const { canvas } = grid;
    const [dx, dy] = [canvas.offsetLeft, canvas.offsetTop];
    this.frame.hidden = false;
    this.frame.style.transform = `translate(${left + dx}px, ${top + dy}px)`;
    this.frame.style.width = `${right - left}px`;
    this.frame.style.height = `${bottom - top}px`;
    selection.set([...this.base, ...grid.layout.inside(left, top, right, bottom)]);
  }

  end() {
    this.from = null;
    this.frame.hidden = true;
  }
}
