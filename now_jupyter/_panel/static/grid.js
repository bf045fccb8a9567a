import { focusedBeside } from "./dom.js";
import { Layout } from "./layout.js";
import { isBefore, keyOf, nameDay } from "./spots.js";

/** @import { Context } from "./context.js" */
/** @import { Child, Placed, Spot } from "./types.d.ts" */
/** @import { Tile } from "./tile.js" */

/** The gallery's tiles: all places are known, tiles exist only for what is in sight and what has the Tab key. */
export class Grid {
  /**
   * @param {Context} ctx @param {Child} below what stands below the tiles
   * @param {{create: (spot: Spot) => Tile, fit: () => void, paint: () => void, key: (event: KeyboardEvent) => void}} on
   */
  constructor(ctx, below, on) {
    const { h, t, signal } = ctx;
    this.ctx = ctx;
    this.on = on;
    this.layout = new Layout();
    /** @type {Map<string, number>} */
    this.indexes = new Map();
    /** @type {Map<string, Tile>} */
    this.tiles = new Map();
    /** @type {Map<number, HTMLElement>} */
    this.days = new Map();
    this.current = 0;
    /** The side that tiles have at least, and whether somebody chose it. */
    this.size = { smallest: 168, isChosen: false };
    this.frame = 0;
    this.canvas = h("ul", { class: "nowp-canvas", "aria-label": t("gallery"), "aria-description": t("keys") });
    this.heads = h("div", { class: "nowp-days" });
    const onscroll = () => this.paintSoon();
    const props = { class: "nowp-scroller", tabindex: "-1", onscroll, onkeydown: on.key };
    this.el = h("div", props, this.heads, this.canvas, below);
    const watcher = new ResizeObserver(() => {
      on.fit();
      this.paintSoon();
    });
    watcher.observe(this.el);
    const end = () => {
      watcher.disconnect();
      cancelAnimationFrame(this.frame);
    };
    signal.addEventListener("abort", end, { once: true });
  }

  get places() {
    return this.layout.places;
  }

  /** What keys speak of. @returns {Placed | undefined} */
  get spot() {
    return this.places[this.current];
  }

  get tile() {
    return this.spot && this.tiles.get(keyOf(this.spot));
  }

  get hasFocus() {
    return this.canvas.contains(focusedBeside(this.el));
  }

  /** @param {Spot} spot */
  indexOf(spot) {
    return this.indexes.get(keyOf(spot)) ?? -1;
  }

  /** The tiles of a generation. @param {number} number */
  tilesOf(number) {
    return [...this.tiles.values()].filter((tile) => tile.spot.number === number);
  }

  /** The places of a generation. @param {number} number */
  placesOf(number) {
    return this.places.filter((one) => one.number === number);
  }

  // What is shown

  /**
   * Show these; what was current stays so where it is among them, else the focus goes to a neighbour. True where there
   * is none that could take it.
   * @param {Placed[]} places
   */
  set(places) {
    const { spot, hasFocus, current } = this;
    this.layout.set(places);
    this.indexes = new Map(places.map((one, index) => [keyOf(one), index]));
    const stays = spot && this.indexes.get(keyOf(spot));
    const beside = hasFocus ? Math.min(current, Math.max(0, places.length - 1)) : 0;
    this.current = stays ?? beside;
    this.paint();
    if (hasFocus && stays === undefined) this.tile?.focus();
    return hasFocus && !places.length;
  }

  /**
   * Show these for a generation, in place of what it had; what is new comes where its time is.
   * @param {number} number @param {Placed[]} wanted
   */
  replace(number, wanted) {
    const { places } = this;
    const had = this.placesOf(number);
    if (had.map(keyOf).join() === wanted.map(keyOf).join()) return false;
    const isNew = !had.length;
    const isAtTop = this.el.scrollTop < this.layout.side / 2 && !this.hasFocus;
    const kept = places.filter((one) => one.number !== number);
    const known = places.findIndex((one) => one.number === number);
    const at = known < 0 ? kept.findIndex((one) => wanted[0] && isBefore(wanted[0], one)) : known;
    kept.splice(at < 0 ? kept.length : at, 0, ...wanted);
    const wasLeft = this.set(kept);
    if (isNew && isAtTop && this.current) this.settle(0);
    return wasLeft;
  }

  clear() {
    for (const key of this.tiles.keys()) this.drop(key);
    this.layout.set([]);
    this.indexes.clear();
    this.current = 0;
  }

  // Painting

  paintSoon() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  paint() {
    const { el, layout, canvas, size } = this;
    const width = canvas.clientWidth;
    if (!width) return;
    const style = getComputedStyle(el);
    const room = el.clientHeight - Number.parseFloat(style.paddingTop) - Number.parseFloat(style.paddingBottom);
    layout.fit(width, room, size.smallest, size.isChosen);
    canvas.style.height = `${layout.height}px`;
    this.placeAll(...layout.range(el.scrollTop, el.scrollTop + el.clientHeight));
    this.showDays();
    this.on.paint();
  }

  /** Place the tiles of a range, and the current one. @param {number[]} range first and one after the last */
  placeAll(...[first, last]) {
    const inSight = new Set(this.places.slice(first, last).map(keyOf));
    if (this.spot) inSight.add(keyOf(this.spot));
    for (const key of this.tiles.keys()) if (!inSight.has(key)) this.drop(key);
    for (let index = first; index < last; index += 1) this.place(index);
    if (this.spot && (this.current < first || this.current >= last)) this.place(this.current);
  }

  /** @param {number} index */
  place(index) {
    const { places } = this;
    const tile = this.tiles.get(keyOf(places[index])) ?? this.create(places[index]);
    tile.place(index, places.length, this.layout.square(index));
    tile.setTabbable(index === this.current);
    const before = (index > 0 && this.tiles.get(keyOf(places[index - 1]))?.el) || null;
    if (tile.el.previousElementSibling !== before) this.reorder(tile.el, index);
  }

  /** @param {Placed} place */
  create(place) {
    const tile = this.on.create(place);
    this.tiles.set(keyOf(place), tile);
    this.canvas.append(tile.el);
    return tile;
  }

  /** @param {string} key */
  drop(key) {
    this.tiles.get(key)?.el.remove();
    this.tiles.delete(key);
  }

  /**
   * Readers and the Tab key go by the order of elements: keep it that of the pictures. What is moved loses the focus.
   * @param {Element} element @param {number} index
   */
  reorder(element, index) {
    const later = [...this.canvas.children].find((one) => Number(one.getAttribute("aria-posinset")) > index + 1);
    const after = later ?? null;
    if (after === element.nextElementSibling) return;
    const focused = focusedBeside(this.el);
    this.canvas.insertBefore(element, after);
    if (focused && element.contains(focused)) focused.focus({ preventScroll: true });
  }

  /** Show the heads of the days in sight. */
  showDays() {
    const { el, layout, days, ctx } = this;
    const [from, to] = [el.scrollTop - layout.step, el.scrollTop + el.clientHeight + layout.step];
    const inSight = layout.sections.filter(({ top }) => top >= from && top <= to);
    const kept = new Set(inSight.map(({ day }) => day));
    for (const [day, head] of days) {
      if (kept.has(day)) continue;
      head.remove();
      days.delete(day);
    }
    for (const { day, top } of inSight) {
      const head = days.get(day) ?? ctx.h("h4", { class: "nowp-day" });
      days.set(day, head);
      const name = nameDay(day, ctx.t, ctx.words.language);
      if (head.textContent !== name) head.textContent = name;
      head.style.transform = `translateY(${top}px)`;
      if (!head.isConnected) this.heads.append(head);
    }
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
    if (index < 0 || index >= this.places.length) return;
    this.settle(index);
    this.reveal();
    this.paint();
    this.tile?.focus();
  }

  /** Bring the current tile into sight. */
  reveal() {
    const { el, layout } = this;
    if (!this.spot) return;
    const { y, side } = layout.square(this.current);
    const top = this.current ? y : 0;
    if (top < el.scrollTop) el.scrollTop = top;
    else if (y + side > el.scrollTop + el.clientHeight - 16) el.scrollTop = y + side + 16 - el.clientHeight;
  }

  /** Where a key leads; undefined where it leads nowhere. @param {string} key */
  target(key) {
    return this.layout.target(key, this.current, this.el.clientHeight);
  }

  /**
   * What stands so many places further.
   * @param {Spot} spot @param {number} step
   * @returns {Placed | undefined}
   */
  beside(spot, step) {
    const index = this.indexOf(spot);
    return index < 0 ? undefined : this.places[index + step];
  }

  /**
   * The first picture of the next generation, or of the one before.
   * @param {Spot} spot @param {number} step
   * @returns {Placed | undefined}
   */
  besideGeneration(spot, step) {
    let other = this.beside(spot, step);
    while (other?.number === spot.number) other = this.beside(other, step);
    return other && this.places[this.places.findIndex((one) => one.number === other.number)];
  }

  /** Let tiles be at least so large. @param {number} smallest */
  resize(smallest) {
    this.size = { smallest, isChosen: true };
    this.paint();
    this.reveal();
    this.paint();
  }
}
