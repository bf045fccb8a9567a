import { focusedBeside } from "./dom.js";

/** @import { Context } from "./context.js" */
/** @import { Child } from "./types.d.ts" */
/** @import { Tile } from "./tile.js" */

const GAP = 10;
const SMALLEST = 168;

/** The gallery's layout: all numbers are known, tiles exist only for what is in sight and what has the Tab key. */
export class Grid {
  /**
   * @param {Context} ctx @param {Child} below what stands below the tiles
   * @param {{create: (number: number) => Tile, paint: () => void, key: (event: KeyboardEvent) => void}} on
   */
  constructor(ctx, below, on) {
    const { h, t, signal } = ctx;
    this.on = on;
    /** @type {number[]} */
    this.numbers = [];
    /** @type {Map<number, Tile>} */
    this.tiles = new Map();
    this.current = 0;
    this.columns = 1;
    this.side = 100;
    this.frame = 0;
    const named = { "aria-label": t("gallery"), "aria-description": t("keys") };
    this.canvas = h("ul", { class: "nowp-canvas", ...named, onkeydown: on.key });
    const onscroll = () => this.paintSoon();
    this.el = h("div", { class: "nowp-scroller", tabindex: "-1", onscroll }, this.canvas, below);
    const watcher = new ResizeObserver(() => this.paintSoon());
    watcher.observe(this.el);
    const end = () => {
      watcher.disconnect();
      cancelAnimationFrame(this.frame);
    };
    signal.addEventListener("abort", end, { once: true });
  }

  /** How far one tile is from the next. */
  get step() {
    return this.side + GAP;
  }

  /** The number that keys speak of. @returns {number | undefined} */
  get number() {
    return this.numbers[this.current];
  }

  get tile() {
    return this.number === undefined ? undefined : this.tiles.get(this.number);
  }

  get hasFocus() {
    return this.el.contains(focusedBeside(this.el));
  }

  // What is shown

  /** Show these; who was current stays so where it is among them. @param {number[]} numbers */
  set(numbers) {
    this.current = this.number === undefined ? 0 : Math.max(0, numbers.indexOf(this.number));
    this.numbers = numbers;
    this.paint();
  }

  /** Show one more, newest first. @param {number} number */
  insert(number) {
    const at = this.numbers.findIndex((one) => one < number);
    this.numbers.splice(at < 0 ? this.numbers.length : at, 0, number);
    if (this.numbers.length > 1 && at >= 0 && at <= this.current) this.current += 1;
    if (this.el.scrollTop < this.side / 2 && !this.hasFocus) this.current = 0;
    this.paint();
  }

  /** Show one less; the focus goes to its neighbour. @param {number} number */
  remove(number) {
    const { hasFocus } = this;
    this.numbers.splice(this.numbers.indexOf(number), 1);
    this.current = Math.min(this.current, Math.max(0, this.numbers.length - 1));
    this.paint();
    return hasFocus;
  }

  clear() {
    for (const number of this.tiles.keys()) this.drop(number);
    this.numbers = [];
  }

  // Painting

  paintSoon() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  paint() {
    const width = this.canvas.clientWidth;
    if (!width) return;
    const { el, numbers } = this;
    this.columns = Math.max(2, Math.floor((width + GAP) / (SMALLEST + GAP)));
    this.side = (width - GAP * (this.columns - 1)) / this.columns;
    const height = Math.ceil(numbers.length / this.columns) * this.step - GAP;
    this.canvas.style.height = `${Math.max(0, height)}px`;
    const first = Math.max(0, Math.floor(el.scrollTop / this.step) - 1) * this.columns;
    const rows = Math.ceil((el.scrollTop + el.clientHeight) / this.step) + 1;
    this.placeAll(first, Math.min(numbers.length, rows * this.columns));
    this.on.paint();
  }

  /** Place the tiles of a range, and the current one. @param {number} first @param {number} last one after it */
  placeAll(first, last) {
    const inSight = new Set(this.numbers.slice(first, last));
    if (this.number !== undefined) inSight.add(this.number);
    for (const number of this.tiles.keys()) if (!inSight.has(number)) this.drop(number);
    for (let index = first; index < last; index += 1) this.place(index);
    if (this.number !== undefined && (this.current < first || this.current >= last)) this.place(this.current);
  }

  /** @param {number} index */
  place(index) {
    const { columns, step, side, numbers } = this;
    const tile = this.tiles.get(numbers[index]) ?? this.create(numbers[index]);
    const [x, y] = [(index % columns) * step, Math.floor(index / columns) * step];
    tile.place(index, numbers.length, { x, y, side });
    tile.setTabbable(index === this.current);
    const before = this.tiles.get(numbers[index - 1])?.el ?? null;
    if (tile.el.previousElementSibling !== before) this.reorder(tile.el, index);
  }

  /** @param {number} number */
  create(number) {
    const tile = this.on.create(number);
    this.tiles.set(number, tile);
    this.canvas.append(tile.el);
    return tile;
  }

  /** @param {number} number */
  drop(number) {
    this.tiles.get(number)?.el.remove();
    this.tiles.delete(number);
  }

  /**
   * Readers and the Tab key go by the order of elements: keep it that of the pictures.
   * @param {Element} element @param {number} index
   */
  reorder(element, index) {
    const later = [...this.canvas.children].find((one) => Number(one.getAttribute("aria-posinset")) > index + 1);
    const after = later ?? null;
    if (after !== element.nextElementSibling) this.canvas.insertBefore(element, after);
  }

  // Moving

  /** Let keys speak of another tile. @param {number} index */
  settle(index) {
    this.tile?.setTabbable(false);
    this.current = index;
    this.tile?.setTabbable(true);
  }

  /** Go to a tile and bring it into sight. @param {number} index */
  go(index) {
    if (index < 0 || index >= this.numbers.length) return;
    this.settle(index);
    const { el, side } = this;
    const top = Math.floor(index / this.columns) * this.step;
    if (top < el.scrollTop) el.scrollTop = top;
    else if (top + side > el.scrollTop + el.clientHeight) el.scrollTop = top + side - el.clientHeight;
    this.paint();
    this.tile?.focus();
  }

  /** Go where a key leads; true where it leads somewhere. @param {string} key */
  goByKey(key) {
    const { current, columns } = this;
    const last = this.numbers.length - 1;
    const page = Math.max(1, Math.floor(this.el.clientHeight / this.step)) * columns;
    /** @type {Record<string, number>} */
    const targets = {
      ...{ ArrowRight: current + 1, ArrowLeft: current - 1, Home: 0, End: last },
      ...{ ArrowDown: Math.min(current + columns, last), ArrowUp: current - columns },
      ...{ PageDown: Math.min(current + page, last), PageUp: Math.max(0, current - page) },
    };
    if (!(key in targets)) return false;
    this.go(targets[key]);
    return true;
  }

  /**
   * The number that stands so many places further.
   * @param {number} number @param {number} step
   * @returns {number | undefined}
   */
  beside(number, step) {
    return this.numbers[this.numbers.indexOf(number) + step];
  }
}
