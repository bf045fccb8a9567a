/**
 * What it takes to go back: before anything is painted, the tiles that it touches are kept, one bit a pixel.
 *
 * So a stroke over a very large picture costs what it covers, and what is kept altogether is bounded.
 */

const SIDE = 256;
const TILE_BYTES = (SIDE * SIDE) / 8;
const MOST_BYTES = 48 << 20;

/** @typedef {Map<number, Uint8Array>} Patch */

export class Tiles {
  /** @param {Uint8Array} data @param {number} width @param {number} height */
  constructor(data, width, height) {
    this.data = data;
    this.width = width;
    this.height = height;
    this.across = Math.ceil(width / SIDE);
    /** @type {Patch} */
    this.open = new Map();
    /** @type {Patch[]} */
    this.done = [];
    /** @type {Patch[]} */
    this.undone = [];
  }

  /**
   * Keep what stands in a box, which lies inside of the picture.
   * @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1
   */
  touch(x0, y0, x1, y1) {
    if (x1 <= x0 || y1 <= y0) return;
    for (let row = Math.floor(y0 / SIDE); row * SIDE < y1; row++) {
      for (let column = Math.floor(x0 / SIDE); column * SIDE < x1; column++) {
        const index = row * this.across + column;
        if (!this.open.has(index)) this.open.set(index, this.pack(index));
      }
    }
  }

  /** End what was begun; false where nothing changed. Gives by how many pixels there are more. */
  commit() {
    let change = 0;
    for (const [index, before] of this.open) {
      const after = this.pack(index);
      if (areEqual(before, after)) this.open.delete(index);
      change += ones(after) - ones(before);
    }
    if (this.open.size) {
      this.done.push(this.open);
      this.undone = [];
      this.bound();
    }
    this.open = new Map();
    return change;
  }

  /** Let the oldest go where all together are too much. */
  bound() {
    let bytes = this.done.reduce((sum, patch) => sum + patch.size * TILE_BYTES, 0);
    while (bytes > MOST_BYTES && this.done.length > 1) bytes -= (this.done.shift()?.size ?? 0) * TILE_BYTES;
  }

  /** Put back what is open. */
  cancel() {
    for (const [index, before] of this.open) this.unpack(index, before);
    this.open = new Map();
  }

  /**
   * Exchange the newest of one list with what stands there, and put it on the other.
   * @param {"done" | "undone"} from
   */
  swap(from) {
    const patch = this[from].pop();
    if (!patch) return undefined;
    let change = 0;
    /** @type {Patch} */
    const other = new Map();
    for (const [index, bits] of patch) {
      const now = this.pack(index);
      other.set(index, now);
      this.unpack(index, bits);
      change += ones(bits) - ones(now);
    }
    this[from === "done" ? "undone" : "done"].push(other);
    return change;
  }

  /** @param {number} index */
  box(index) {
    const x = (index % this.across) * SIDE;
    const y = Math.floor(index / this.across) * SIDE;
    return { x, y, right: Math.min(this.width, x + SIDE), bottom: Math.min(this.height, y + SIDE) };
  }

  /** @param {number} index */
  pack(index) {
    const { x, y, right, bottom } = this.box(index);
    const bits = new Uint8Array(TILE_BYTES);
    for (let line = 0; line < bottom - y; line++) {
      const row = this.data.subarray((y + line) * this.width + x, (y + line) * this.width + right);
      if (row.indexOf(1) < 0) continue;
      const start = line * SIDE;
      if (row.length === SIDE && row.indexOf(0) < 0) bits.fill(255, start >> 3, (start + SIDE) >> 3);
      else for (let at = 0; at < row.length; at++) bits[(start + at) >> 3] |= row[at] << (at & 7);
    }
    return bits;
  }

  /** @param {number} index @param {Uint8Array} bits */
  unpack(index, bits) {
    const { x, y, right, bottom } = this.box(index);
    for (let line = 0; line < bottom - y; line++) {
      const row = this.data.subarray((y + line) * this.width + x, (y + line) * this.width + right);
      const start = line * SIDE;
      const bytes = bits.subarray(start >> 3, (start + SIDE) >> 3);
      const first = bytes[0];
      if ((first === 0 || first === 255) && bytes.every((byte) => byte === first)) row.fill(first & 1);
      else for (let at = 0; at < row.length; at++) row[at] = (bytes[at >> 3] >> (at & 7)) & 1;
    }
  }
}

const ONES = Uint8Array.from({ length: 256 }, (_, byte) => {
  let sum = 0;
  for (let left = byte; left; left &= left - 1) sum++;
  return sum;
});

/** How many bits are set. @param {Uint8Array} bytes */
function ones(bytes) {
  let sum = 0;
  for (let at = 0; at < bytes.length; at++) sum += ONES[bytes[at]];
  return sum;
}

/** @param {Uint8Array} one @param {Uint8Array} other */
function areEqual(one, other) {
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}
