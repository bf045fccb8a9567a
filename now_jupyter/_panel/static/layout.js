/** Where each tile of the gallery stands: days with their heads, rows of squares, the pictures of a request joined. */

/** @import { Placed } from "./types.d.ts" */
/** @typedef {{day: number, first: number, last: number, top: number}} Section a day; `last` is one after it */
/** @typedef {{x: number, y: number, width: number, side: number, before: boolean, after: boolean}} Square */

export const GAP = 10;
const HEAD = 34;
const LARGEST_OF_FEW = 420;
const MOST_OF_FEW = 40;
const LEAST_FOR_TWO = 240;

/** All places are known; what is worked out here costs as much as there are days, not pictures. */
export class Layout {
  constructor() {
    /** @type {Placed[]} */
    this.places = [];
    /** @type {Section[]} */
    this.sections = [];
    this.columns = 1;
    this.side = 100;
    this.height = 0;
  }

  /** How far one row is from the next. */
  get step() {
    return this.side + GAP;
  }

  /** @param {Placed[]} places */
  set(places) {
    this.places = places;
    this.sections = [];
    for (const [index, { day }] of places.entries()) {
      const section = this.sections.at(-1);
      if (section?.day === day) section.last = index + 1;
      else this.sections.push({ day, first: index, last: index + 1, top: 0 });
    }
  }

  /**
   * Fit into a room; few pictures are shown larger, where nobody chose a size.
   * @param {number} width @param {number} height @param {number} smallest @param {boolean} isChosen
   */
  fit(width, height, smallest, isChosen) {
    const least = isChosen || width < LEAST_FOR_TWO ? 1 : 2;
    const most = Math.max(least, Math.floor((width + GAP) / (smallest + GAP)));
    this.divide(width, most);
    if (isChosen || this.places.length > MOST_OF_FEW) return;
    for (let columns = most - 1; columns > 0; columns -= 1) {
      const before = this.columns;
      this.divide(width, columns);
      if (this.height <= height && this.side <= LARGEST_OF_FEW) continue;
      this.divide(width, before);
      return;
    }
  }

  /** @param {number} width @param {number} columns */
  divide(width, columns) {
    this.columns = columns;
    this.side = (width - GAP * (columns - 1)) / columns;
    let top = 0;
    for (const section of this.sections) {
      section.top = top;
      top += HEAD + Math.ceil((section.last - section.first) / columns) * this.step;
    }
    this.height = Math.max(0, top - GAP);
  }

  /** The day that stands at a height, or that holds an index. @param {(section: Section) => boolean} isPast */
  findSection(isPast) {
    const { sections } = this;
    let [low, high] = [0, sections.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (isPast(sections[middle])) low = middle;
      else high = middle - 1;
    }
    return sections[low];
  }

  /** @param {number} index @returns {Square} */
  square(index) {
    const { places, columns, step, side } = this;
    const section = this.findSection((one) => one.first <= index);
    const within = index - section.first;
    const column = within % columns;
    const { number } = places[index];
    const [before, after] = [-1, 1].map((by) => places[index + by]?.number === number);
    const isJoined = after && column < columns - 1;
    const y = section.top + HEAD + Math.floor(within / columns) * step;
    return { x: column * step, y, width: isJoined ? step : side, side, before, after };
  }

  /** The index that stands at a height, in a column, or the last before it. @param {number} y @param {number} column */
  indexAt(y, column) {
    const { columns, step } = this;
    const { top, first, last } = this.findSection((one) => one.top <= y);
    const rows = Math.ceil((last - first) / columns);
    const row = Math.min(rows - 1, Math.max(0, Math.floor((y - top - HEAD) / step)));
    return Math.min(last - 1, first + row * columns + column);
  }

  /** The first index in sight, and the one after the last. @param {number} from @param {number} to */
  range(from, to) {
    if (!this.places.length) return [0, 0];
    return [this.indexAt(from - this.step, 0), this.indexAt(to + this.step, this.columns - 1) + 1];
  }

  /** What lies in a frame. @param {number} left @param {number} top @param {number} right @param {number} bottom */
  inside(left, top, right, bottom) {
    const [first, last] = this.range(top, bottom);
    return this.places.slice(first, last).filter((_, at) => {
      const { x, y, width, side } = this.square(first + at);
      return x < right && x + width > left && y < bottom && y + side > top;
    });
  }

  /**
   * Where an arrow, page or end key leads from an index; undefined for other keys.
   * @param {string} key @param {number} from @param {number} height
   */
  target(key, from, height) {
    const { places, step } = this;
    if (!places.length) return undefined;
    const { x, y } = this.square(from);
    const page = Math.max(step, Math.floor(height / step) * step);
    const across = (/** @type {number} */ by) => this.indexAt(y + by, Math.round(x / step));
    /** @type {Record<string, () => number>} */
    const targets = {
      ...{ ArrowRight: () => from + 1, ArrowLeft: () => from - 1, Home: () => 0, End: () => places.length - 1 },
      ...{ ArrowDown: () => Math.max(from, across(step)), ArrowUp: () => Math.min(from, across(-step)) },
      ...{ PageDown: () => Math.max(from, across(page)), PageUp: () => Math.min(from, across(-page)) },
    };
    return Object.hasOwn(targets, key) ? targets[key]() : undefined;
  }
}
