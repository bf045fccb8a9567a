/** @import { Easel } from "./easel.js" */
/** @import { Point, Raster } from "./raster.js" */
/** @typedef {"brush" | "eraser" | "rectangle" | "lasso"} Tool */

const LIGHTEST = 0.15; // how wide a stroke of a pen is that hardly presses, as a part of the brush

/**
 * What a pointer or the keys draw: strokes at once, rectangle and lasso when they end.
 *
 * A rectangle goes from the pixel in which it begins to the one in which it ends, both with it.
 */
export class Brush {
  /** @param {Easel} easel */
  constructor(easel) {
    this.easel = easel;
    /** @type {Tool} */
    this.tool = "brush";
    this.size = 40;
    this.isTaking = false; // rectangle and lasso take away
    /** @type {Point[]} */
    this.points = [];
    this.radius = 0;
    /** Where the pointer or the keys are. @type {Point | null} */
    this.at = null;
  }

  /** @returns {Raster} */
  get raster() {
    return /** @type {Raster} */ (this.easel.raster);
  }

  get isStroke() {
    return this.tool === "brush" || this.tool === "eraser";
  }

  get isDrawing() {
    return this.points.length > 0;
  }

  get value() {
    return this.tool === "eraser" || this.isTaking ? 0 : 1;
  }

  /** @param {number} pressure 0 to 1 */
  radiusOf(pressure) {
    return (this.size / 2) * (LIGHTEST + (1 - LIGHTEST) * pressure);
  }

  /** @param {Point} point @param {number} pressure @param {boolean} takes */
  begin(point, pressure, takes) {
    this.isTaking = takes && !this.isStroke;
    this.at = point;
    this.points = [point];
    this.radius = this.radiusOf(pressure);
    if (this.isStroke) this.raster.fillDisc(point, this.radius, this.value);
    this.show();
  }

  /** @param {Point} point @param {number} pressure */
  move(point, pressure) {
    const last = this.points[this.points.length - 1];
    this.at = point;
    if (!last) return this.show();
    const radius = this.radiusOf(pressure);
    if (this.isStroke) {
      this.raster.fillStroke(last, point, this.radius, radius, this.value);
      this.points = [point];
    } else if (this.tool === "lasso") this.points.push(point);
    else this.points = [this.points[0], point];
    this.radius = radius;
    this.show();
  }

  /** End what was begun. */
  end() {
    if (this.tool === "rectangle") this.fillRectangle();
    if (this.tool === "lasso" && this.points.length > 2) this.raster.fillPolygon(this.points, this.value);
    this.points = [];
    this.raster.commit();
    this.show();
  }

  fillRectangle() {
    const [a, b = a] = this.points;
    const [x0, x1] = [a.x, b.x].map(Math.floor).sort((one, other) => one - other);
    const [y0, y1] = [a.y, b.y].map(Math.floor).sort((one, other) => one - other);
    this.raster.fillRect(x0, y0, x1 + 1, y1 + 1, this.value);
  }

  cancel() {
    if (!this.isDrawing) return;
    this.points = [];
    this.raster.cancel();
    this.show();
  }

  show() {
    this.easel.drawVeil();
    this.drawGuide();
  }

  /** Draw what is about to be painted, and where. */
  drawGuide() {
    const { easel, points, at } = this;
    const pen = easel.beginGuide();
    const path = new Path2D();
    if (this.isStroke && at) path.arc(at.x, at.y, this.size / 2, 0, 2 * Math.PI);
    else if (at) addCross(path, at, 7 / easel.scale);
    if (this.tool === "rectangle" && points.length > 1) {
      const [a, b] = points;
      path.rect(a.x, a.y, b.x - a.x, b.y - a.y);
    }
    if (this.tool === "lasso")
      for (const [index, { x, y }] of points.entries()) index ? path.lineTo(x, y) : path.moveTo(x, y);
    easel.outline(pen, path);
  }
}

/** @param {Path2D} path @param {Point} at @param {number} arm */
function addCross(path, { x, y }, arm) {
  path.moveTo(x - arm, y);
  path.lineTo(x + arm, y);
  path.moveTo(x, y - arm);
  path.lineTo(x, y + arm);
}
