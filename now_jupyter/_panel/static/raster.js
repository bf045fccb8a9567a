import { Tiles } from "./tiles.js";

/**
 * The region of a mask, in the pixels of its original: one byte each, 1 where it is to be repainted.
 *
 * Whatever is drawn is filled row by row, without soft edges: a pixel belongs to a shape if its middle lies in it.
 */

/** @typedef {{x: number, y: number}} Point */

export class Raster {
  /** @param {number} width @param {number} height */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.data = new Uint8Array(width * height);
    this.tiles = new Tiles(this.data, width, height);
    this.count = 0;
    /** What changed since it was last drawn, as a box. */
    this.changed = { x0: 0, y0: 0, x1: width, y1: height };
  }

  /** It was drawn. */
  clean() {
    this.changed = { x0: this.width, y0: this.height, x1: 0, y1: 0 };
  }

  /**
   * Take note that a box is about to change; gives the part of it that lies in the picture.
   * @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1
   */
  touch(x0, y0, x1, y1) {
    const box = {
      x0: Math.max(0, x0),
      y0: Math.max(0, y0),
      x1: Math.min(this.width, x1),
      y1: Math.min(this.height, y1),
    };
    this.tiles.touch(box.x0, box.y0, box.x1, box.y1);
    const { changed } = this;
    changed.x0 = Math.min(changed.x0, box.x0);
    changed.y0 = Math.min(changed.y0, box.y0);
    changed.x1 = Math.max(changed.x1, box.x1);
    changed.y1 = Math.max(changed.y1, box.y1);
    return box;
  }

  /** End a step, which undo takes back as a whole. */
  commit() {
    this.count += this.tiles.commit();
  }

  /** Take back the step that is not yet ended. */
  cancel() {
    this.tiles.cancel();
    this.changeAll();
  }

  /** @param {"done" | "undone"} from @returns whether there was a step */
  swap(from) {
    const change = this.tiles.swap(from);
    if (change === undefined) return false;
    this.count += change;
    this.changeAll();
    return true;
  }

  changeAll() {
    this.changed = { x0: 0, y0: 0, x1: this.width, y1: this.height };
  }

  /**
   * Fill the pixels x0 to x1 (not with it) of a row.
   * @param {number} y @param {number} x0 @param {number} x1 @param {number} value
   */
  fillRow(y, x0, x1, value) {
    const from = Math.max(0, x0);
    const to = Math.min(this.width, x1);
    if (y >= 0 && y < this.height && to > from) this.data.fill(value, y * this.width + from, y * this.width + to);
  }

  /**
   * Fill a rectangle; x1 and y1 are the first ones outside.
   * @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 @param {number} value
   */
  fillRect(x0, y0, x1, y1, value) {
    const box = this.touch(x0, y0, x1, y1);
    for (let y = box.y0; y < box.y1; y++) this.fillRow(y, box.x0, box.x1, value);
  }

  /**
   * Fill a disc, at least the pixel that its middle lies in.
   * @param {Point} middle @param {number} radius @param {number} value
   */
  fillDisc({ x, y }, radius, value) {
    const top = Math.ceil(y - radius - 0.5);
    const bottom = Math.floor(y + radius - 0.5);
    this.touch(
      Math.floor(x - radius),
      Math.min(top, Math.floor(y)),
      Math.ceil(x + radius) + 1,
      Math.max(bottom, Math.floor(y)) + 1,
    );
    for (let row = top; row <= bottom; row++) {
      const half = Math.sqrt(Math.max(0, radius ** 2 - (row + 0.5 - y) ** 2));
      this.fillRow(row, Math.ceil(x - half - 0.5), Math.floor(x + half - 0.5) + 1, value);
    }
    this.fillRow(Math.floor(y), Math.floor(x), Math.floor(x) + 1, value);
  }

  /**
   * Fill what a brush covers on its way; its radius may change.
   * @param {Point} from @param {Point} to @param {number} first @param {number} last @param {number} value
   */
  fillStroke(from, to, first, last, value) {
    const way = Math.hypot(to.x - from.x, to.y - from.y);
    const steps = Math.max(1, Math.ceil(way / Math.max(0.5, Math.min(first, last) / 6)));
    for (let step = 0; step <= steps; step++) {
      const share = step / steps;
      const middle = { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
      this.fillDisc(middle, first + (last - first) * share, value);
    }
  }

  /** Fill a polygon, where it runs over itself too. @param {Point[]} points @param {number} value */
  fillPolygon(points, value) {
    const heights = points.map(({ y }) => y);
    const widths = points.map(({ x }) => x);
    const lowest = heights.reduce((a, b) => Math.min(a, b), Infinity);
    const highest = heights.reduce((a, b) => Math.max(a, b), -Infinity);
    const left = widths.reduce((a, b) => Math.min(a, b), Infinity);
    const right = widths.reduce((a, b) => Math.max(a, b), -Infinity);
    const box = this.touch(Math.floor(left), Math.floor(lowest), Math.ceil(right) + 1, Math.ceil(highest) + 1);
    for (let y = box.y0; y < box.y1; y++) {
      for (const [x0, x1] of crossings(points, y + 0.5))
        this.fillRow(y, Math.ceil(x0 - 0.5), Math.ceil(x1 - 0.5), value);
    }
  }

  // The whole region

  fillAll(value = 0) {
    this.touch(0, 0, this.width, this.height);
    this.data.fill(value);
  }

  invert() {
    this.touch(0, 0, this.width, this.height);
    const { data } = this;
    for (let at = 0; at < data.length; at++) data[at] ^= 1;
  }

  /**
   * The rows in which anything is marked, the last one not with it, and some more around.
   * @param {number} more @returns {[number, number]}
   */
  rows(more) {
    const first = this.data.indexOf(1);
    if (first < 0) return [0, 0];
    const last = this.data.lastIndexOf(1);
    const top = Math.max(0, Math.floor(first / this.width) - more);
    return [top, Math.min(this.height, Math.floor(last / this.width) + 1 + more)];
  }

  /** Let what has this value grow by so many pixels in every direction. @param {number} value @param {number} radius */
  spread(value, radius) {
    const [top, bottom] = this.rows(value ? radius : 1);
    const box = this.touch(0, top, this.width, bottom);
    /** @type {Map<number, number[]>} */
    const runs = new Map();
    for (let row = Math.max(0, box.y0 - radius); row < Math.min(this.height, box.y0 + radius); row++) {
      runs.set(row, this.runs(row, value));
    }
    for (let y = box.y0; y < box.y1; y++) {
      if (y + radius < this.height) runs.set(y + radius, this.runs(y + radius, value));
      runs.delete(y - radius - 1);
      for (const [row, found] of runs) {
        const reach = Math.floor(Math.sqrt(radius ** 2 - (row - y) ** 2));
        for (let at = 0; at < found.length; at += 2) this.fillRow(y, found[at] - reach, found[at + 1] + reach, value);
      }
    }
  }

  /** Where a value stands in a row: begin and end in turn. @param {number} y @param {number} value */
  runs(y, value) {
    const row = this.data.subarray(y * this.width, (y + 1) * this.width);
    const found = [];
    for (let from = row.indexOf(value); from >= 0; ) {
      const end = row.indexOf(1 - value, from);
      found.push(from, end < 0 ? this.width : end);
      from = end < 0 ? -1 : row.indexOf(value, end);
    }
    return found;
  }

  /**
   * Give each pixel what most of those around it have: corners become round, specks go, gaps close.
   * @param {number} radius
   */
  smooth(radius) {
    const { width, height } = this;
    const [top, bottom] = this.rows(radius);
    this.touch(0, top, width, bottom);
    const sums = new Int32Array(width);
    /** The rows as they were. @type {Map<number, Uint8Array>} */
    const before = new Map();
    const add = (/** @type {number} */ y, /** @type {number} */ sign) => {
      const row = before.get(y) ?? this.data.slice(y * width, (y + 1) * width);
      before.set(y, row);
      for (let x = 0; x < width; x++) if (row[x]) sums[x] += sign;
    };
    for (let y = Math.max(0, top - radius); y < Math.min(height, top + radius); y++) add(y, 1);
    for (let y = top; y < bottom; y++) {
      if (y + radius < height) add(y + radius, 1);
      const gone = y - radius - 1;
      if (before.has(gone)) add(gone, -1);
      before.delete(gone);
      const rows = Math.min(height, y + radius + 1) - Math.max(0, y - radius);
      decideRow(this.data.subarray(y * width, (y + 1) * width), sums, radius, rows);
    }
  }

  // What travels: one bit a pixel, each row from a new byte on

  /** @param {number} y @param {Uint8Array} into @param {number} at */
  packRow(y, into, at) {
    const start = y * this.width;
    for (let x = 0; x < this.width; x++) if (this.data[start + x]) into[at + (x >> 3)] |= 128 >> (x & 7);
  }

  /** Take over a region that the kernel sends. @param {DataView<ArrayBuffer>} bits */
  load(bits) {
    const stride = Math.ceil(this.width / 8);
    this.count = 0;
    for (let y = 0; y < this.height; y++) {
      for (let x = 0; x < this.width; x++) {
        const value = (bits.getUint8(y * stride + (x >> 3)) >> (7 - (x & 7))) & 1;
        this.data[y * this.width + x] = value;
        this.count += value;
      }
    }
    this.changeAll();
  }
}

/** Where a row lies in a polygon. @param {Point[]} points @param {number} y @returns {[number, number][]} */
function crossings(points, y) {
  /** @type {[x: number, turn: number][]} */
  const found = [];
  points.forEach((a, index) => {
    const b = points[(index + 1) % points.length];
    if (a.y <= y === b.y <= y) return;
    found.push([a.x + ((y - a.y) / (b.y - a.y)) * (b.x - a.x), a.y < b.y ? 1 : -1]);
  });
  found.sort((one, other) => one[0] - other[0]);
  /** @type {[number, number][]} */
  const inside = [];
  let turns = 0;
  found.forEach(([x, turn], index) => {
    if (turns) inside.push([found[index - 1][0], x]);
    turns += turn;
  });
  return inside;
}

/** @param {Uint8Array} row @param {Int32Array} sums @param {number} radius @param {number} rows */
function decideRow(row, sums, radius, rows) {
  const width = row.length;
  let sum = 0;
  for (let x = 0; x < Math.min(width, radius); x++) sum += sums[x];
  for (let x = 0; x < width; x++) {
    if (x + radius < width) sum += sums[x + radius];
    if (x - radius - 1 >= 0) sum -= sums[x - radius - 1];
    const all = rows * (Math.min(width, x + radius + 1) - Math.max(0, x - radius));
    if (2 * sum !== all) row[x] = 2 * sum > all ? 1 : 0;
  }
}
