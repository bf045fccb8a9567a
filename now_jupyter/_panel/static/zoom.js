import { fill, icon } from "./dom.js";

/** @import { Context } from "./context.js" */

const MOST = 16;
const STEP = 1.4;
const ARROWS = new Map([
  ["ArrowLeft", [60, 0]],
  ["ArrowRight", [-60, 0]],
  ["ArrowUp", [0, 60]],
  ["ArrowDown", [0, -60]],
]);

/** A picture that can be zoomed and moved: wheel, drag, double click, buttons, keys. */
export class ZoomStage {
  /** @param {Context} ctx */
  constructor(ctx) {
    const { h, t } = ctx;
    this.ctx = ctx;
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    /** Where the pointer took hold of the picture. @type {[x: number, y: number] | null} */
    this.held = null;
    this.picture = h("img", { class: "nowp-original", alt: "", draggable: "true" });
    this.words = h("div", { class: "nowp-error", hidden: true });
    const drop = () => {
      this.held = null;
    };
    this.el = h(
      "div",
      {
        ...{ class: "nowp-stage", tabindex: "0", role: "group", "aria-label": t("zoomable") },
        onwheel: (event) => this.handleWheel(event),
        onpointerdown: (event) => this.hold(event),
        onpointermove: (event) => this.drag(event),
        onpointerup: drop,
        onpointercancel: drop,
        ondblclick: () => this.zoom(this.scale > 1 ? 1 : this.wholeScale),
      },
      this.picture,
      this.words,
    );
    const zoomOut = () => this.zoom(this.scale / STEP);
    const zoomIn = () => this.zoom(this.scale * STEP);
    this.tools = h(
      "div",
      { class: "nowp-zoom" },
      h("button", { class: "nowp-round", label: t("zoomOut"), onclick: zoomOut }, icon("minus")),
      h("button", { class: "nowp-plain", text: t("zoomFit"), onclick: () => this.zoom(1) }),
      h("button", { class: "nowp-round", label: t("zoomIn"), onclick: zoomIn }, icon("plus")),
    );
  }

  /** The scale at which each pixel of the picture is one of the page, at least 2. */
  get wholeScale() {
    return Math.max(2, this.picture.naturalWidth / Math.max(1, this.picture.clientWidth));
  }

  /** Whether arrow keys pressed there move the picture. @param {EventTarget | null} target */
  takesArrows(target) {
    return target === this.el && this.scale > 1;
  }

  /** @param {string | undefined} address @param {string} alt @param {boolean} isRough */
  show(address, alt, isRough) {
    this.words.hidden = true;
    this.picture.hidden = !address;
    if (address && this.picture.src !== address) this.picture.src = address;
    this.picture.alt = alt;
    this.picture.classList.toggle("nowp-rough", isRough);
    if (isRough) this.zoom(1);
  }

  /** Show lines where there is no picture. @param {string[]} lines */
  showLines(lines) {
    this.picture.hidden = true;
    this.words.hidden = false;
    fill(this.words, ...lines.map((line) => this.ctx.h("p", { text: line })));
  }

  /** @param {number} wanted */
  zoom(wanted) {
    const scale = Math.min(MOST, Math.max(1, wanted));
    const ratio = scale === 1 ? 0 : scale / this.scale;
    this.x *= ratio;
    this.y *= ratio;
    this.scale = scale;
    this.apply();
  }

  /** @param {number} x @param {number} y */
  move(x, y) {
    const { clientWidth, clientHeight } = this.el;
    this.x = clamp(x, (clientWidth * (this.scale - 1)) / 2);
    this.y = clamp(y, (clientHeight * (this.scale - 1)) / 2);
    this.apply();
  }

  apply() {
    this.picture.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    this.el.classList.toggle("nowp-zoomed", this.scale > 1);
    this.picture.draggable = this.scale === 1; // then the pointer moves it
  }

  /** @param {WheelEvent} event */
  handleWheel(event) {
    if (!event.ctrlKey && this.scale === 1 && event.deltaY > 0) return; // the page scrolls
    event.preventDefault();
    this.zoom(this.scale * Math.exp(-event.deltaY / 300));
  }

  /** @param {PointerEvent} event */
  hold(event) {
    if (this.scale === 1) return; // it may be dragged out
    this.held = [event.clientX - this.x, event.clientY - this.y];
    this.el.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  drag(event) {
    if (this.held && this.scale > 1) this.move(event.clientX - this.held[0], event.clientY - this.held[1]);
  }

  /** Move or zoom as a key says; true where it says so. @param {KeyboardEvent} event */
  handleKey(event) {
    const by = event.target === this.el ? ARROWS.get(event.key) : undefined;
    if (by) this.move(this.x + by[0], this.y + by[1]);
    else if (event.key === "+" || event.key === "=") this.zoom(this.scale * STEP);
    else if (event.key === "-") this.zoom(this.scale / STEP);
    else if (event.key === "0") this.zoom(1);
    else return false;
    return true;
  }
}

/** @param {number} value @param {number} most */
function clamp(value, most) {
  return Math.max(-most, Math.min(most, value));
}
