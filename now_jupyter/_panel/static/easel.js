/** @import { Context } from "./context.js" */
/** @import { Point, Raster } from "./raster.js" */

const FURTHEST = 0.25; // of the scale at which all of the picture is seen
const NEAREST = 40;
const MARGIN = 12;
const VEIL = 0xa8_5c_14_e6; // of the region: alpha, blue, green, red
const SMOOTH_BELOW = 2;

/**
 * A picture with the region of its mask over it, at any zoom, of which only what is seen is drawn.
 *
 * `scale` is how many pixels of the page one of the picture is wide, `x` and `y` where its corner lies. What is painted
 * never goes through a canvas: the veil is read from the region, a pixel of the screen from the pixel below its middle.
 */
export class Easel {
  /** @param {Context} ctx @param {() => void} drawGuide what follows the pointer, drawn last */
  constructor(ctx, drawGuide) {
    const { h, t, signal } = ctx;
    this.drawGuide = drawGuide;
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.isFitted = true;
    /** @type {Raster | null} */
    this.raster = null;
    /** @type {HTMLImageElement | null} */
    this.picture = null;
    const createLayer = () => h("canvas", { class: "nowp-layer", "aria-hidden": "true" });
    this.layers = { picture: createLayer(), veil: createLayer(), guide: createLayer() };
    const label = { role: "application", "aria-label": t("maskCanvas"), "aria-roledescription": t("maskEditor") };
    this.el = h("div", { class: "nowp-easel", tabindex: "0", ...label }, ...Object.values(this.layers));
    const watch = new ResizeObserver(() => this.resize());
    watch.observe(this.el);
    signal.addEventListener("abort", () => watch.disconnect(), { once: true });
  }

  /** @param {HTMLImageElement} picture @param {Raster} raster */
  show(picture, raster) {
    this.picture = picture;
    this.raster = raster;
    this.resize();
    this.fit();
  }

  get density() {
    return window.devicePixelRatio || 1;
  }

  resize() {
    const { clientWidth, clientHeight } = this.el;
    for (const layer of Object.values(this.layers)) {
      layer.width = Math.max(1, Math.round(clientWidth * this.density));
      layer.height = Math.max(1, Math.round(clientHeight * this.density));
    }
    if (this.isFitted) this.fit();
    else this.draw();
  }

  /** The scale at which all of the picture is seen. */
  get fitting() {
    const { width = 1, height = 1 } = this.raster ?? {};
    const room = { width: this.el.clientWidth - 2 * MARGIN, height: this.el.clientHeight - 2 * MARGIN };
    return Math.max(1e-3, Math.min(room.width / width, room.height / height));
  }

  fit() {
    if (!this.raster) return;
    this.scale = this.fitting;
    this.x = (this.el.clientWidth - this.raster.width * this.scale) / 2;
    this.y = (this.el.clientHeight - this.raster.height * this.scale) / 2;
    this.isFitted = true;
    this.draw();
  }

  /**
   * Zoom, while a place of the stage stays where it is; without one its middle.
   * @param {number} factor @param {Point} [at]
   */
  zoom(factor, at = { x: this.el.clientWidth / 2, y: this.el.clientHeight / 2 }) {
    const { fitting } = this;
    const scale = Math.min(Math.max(this.scale * factor, fitting * FURTHEST), Math.max(NEAREST, fitting));
    this.x = at.x - (at.x - this.x) * (scale / this.scale);
    this.y = at.y - (at.y - this.y) * (scale / this.scale);
    this.scale = scale;
    this.isFitted = false;
    this.draw();
  }

  /** @param {number} right @param {number} down */
  move(right, down) {
    this.x += right;
    this.y += down;
    this.isFitted = false;
    this.draw();
  }

  /** Where an event lies in the stage. @param {{clientX: number, clientY: number}} event @returns {Point} */
  placeOf({ clientX, clientY }) {
    const { left, top } = this.layers.picture.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  }

  /**
   * Where an event lies in the picture, in its pixels and parts of them.
   * @param {{clientX: number, clientY: number}} event @returns {Point}
   */
  pointOf(event) {
    const { x, y } = this.placeOf(event);
    return { x: (x - this.x) / this.scale, y: (y - this.y) / this.scale };
  }

  /** Bring a point of the picture into sight. @param {Point} point */
  reveal({ x, y }) {
    const [left, top] = [x * this.scale + this.x, y * this.scale + this.y];
    const over = (/** @type {number} */ at, /** @type {number} */ room) =>
      Math.min(0, at - MARGIN) + Math.max(0, at + MARGIN - room);
    const [right, down] = [over(left, this.el.clientWidth), over(top, this.el.clientHeight)];
    if (right || down) this.move(-right, -down);
  }

  // Drawing

  draw() {
    if (!this.raster || !this.picture) return;
    const pen = begin(this.layers.picture);
    pen.imageSmoothingEnabled = this.scale * this.density < SMOOTH_BELOW;
    pen.imageSmoothingQuality = "high";
    const scale = this.scale * this.density;
    const { width, height } = this.raster;
    pen.drawImage(this.picture, this.x * this.density, this.y * this.density, width * scale, height * scale);
    this.el.dataset.view = `${this.scale} ${this.x} ${this.y}`;
    this.raster.changeAll();
    begin(this.layers.veil);
    this.drawVeil();
    this.drawGuide();
  }

  /** Draw the region anew where it changed. */
  drawVeil() {
    const { raster, density, layers } = this;
    if (!raster) return;
    const { x0, y0, x1, y1 } = raster.changed;
    raster.clean();
    const scale = this.scale * density;
    const left = Math.max(0, Math.floor(this.x * density + x0 * scale) - 1);
    const top = Math.max(0, Math.floor(this.y * density + y0 * scale) - 1);
    const right = Math.min(layers.veil.width, Math.ceil(this.x * density + x1 * scale) + 1);
    const bottom = Math.min(layers.veil.height, Math.ceil(this.y * density + y1 * scale) + 1);
    if (right <= left || bottom <= top) return;
    const image = new ImageData(right - left, bottom - top);
    this.sample(new Uint32Array(image.data.buffer), left, top, image.width, image.height);
    layers.veil.getContext("2d")?.putImageData(image, left, top);
  }

  /** @param {Uint32Array} into @param {number} left @param {number} top @param {number} width @param {number} height */
  sample(into, left, top, width, height) {
    const { raster, density } = this;
    if (!raster) return;
    const columns = Int32Array.from({ length: width }, (_, at) =>
      Math.floor(((left + at + 0.5) / density - this.x) / this.scale),
    );
    for (let line = 0; line < height; line++) {
      const y = Math.floor(((top + line + 0.5) / density - this.y) / this.scale);
      if (y < 0 || y >= raster.height) continue;
      const row = y * raster.width;
      for (let at = 0; at < width; at++) {
        const x = columns[at];
        if (x >= 0 && x < raster.width && raster.data[row + x]) into[line * width + at] = VEIL;
      }
    }
  }

  /** The pen of what follows the pointer, in pixels of the picture; lines stay thin. */
  beginGuide() {
    const pen = begin(this.layers.guide);
    const scale = this.scale * this.density;
    pen.setTransform(scale, 0, 0, scale, this.x * this.density, this.y * this.density);
    return pen;
  }

  /** Draw a line that is seen on any ground. @param {CanvasRenderingContext2D} pen @param {Path2D} path */
  outline(pen, path) {
    const { scale } = this;
    pen.lineWidth = 3 / scale;
    pen.strokeStyle = "rgb(0 0 0 / 0.75)";
    pen.stroke(path);
    pen.lineWidth = 1.25 / scale;
    pen.strokeStyle = "#ffffff";
    pen.stroke(path);
  }
}

/** An emptied canvas. @param {HTMLCanvasElement} layer */
function begin(layer) {
  const pen = /** @type {CanvasRenderingContext2D} */ (layer.getContext("2d"));
  pen.resetTransform();
  pen.clearRect(0, 0, layer.width, layer.height);
  return pen;
}
