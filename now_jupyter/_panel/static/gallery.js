import { debounce, fill } from "./dom.js";
import { Filters } from "./filters.js";
import { Grid } from "./grid.js";
import { Rows } from "./rows.js";
import { Selection } from "./selection.js";
import { Tile } from "./tile.js";

/** @import { Context } from "./context.js" */
/** @import { Bytes, Marked, Row } from "./types.d.ts" */

/**
 * What the gallery tells the views above it; `leave` comes before a generation is gone, without a number where all are.
 *
 * @typedef {object} GalleryHooks
 * @property {(number: number, part?: "tag") => void} open
 * @property {(numbers: number[]) => void} compare
 * @property {(row: Row) => void} updateRow
 * @property {(number: number) => void} updateThumb
 * @property {(number?: number) => void} leave
 */

/** The gallery: filters above, tiles of what fits, and the bar of what is chosen. */
export class Gallery {
  /** @param {Context} ctx @param {GalleryHooks} on */
  constructor(ctx, on) {
    const { h, t, wire, signal } = ctx;
    this.ctx = ctx;
    this.on = on;
    this.total = 0;
    this.filters = new Filters(ctx, () => this.find());
    this.rows = new Rows(ctx, (number) => this.showTile(number));
    this.selection = new Selection(ctx, {
      compare: on.compare,
      change: () => this.showTiles(),
      clear: () => this.focus(),
    });
    this.blank = h("div", { class: "nowp-blank", hidden: true });
    this.grid = new Grid(ctx, this.blank, {
      create: (number) => this.createTile(number),
      paint: () => this.showAround(),
      key: (event) => this.handleKey(event),
    });
    this.loadSoon = debounce(signal, 60, () => this.load());
    const parts = [this.filters.el, this.grid.el, this.selection.el];
    this.el = h("section", { class: "nowp-gallery", "aria-label": t("gallery") }, ...parts);
    wire.on("thumb", ({ number }, [data]) => this.takeThumb(number, data));
    wire.on("changed", ({ row }, [data]) => this.takeRow(row, data));
    wire.on("gone", ({ number }) => this.forget(number));
    wire.on("moved", ({ folder }) => this.forgetAll(folder));
  }

  // What fits

  async find() {
    const { ctx, filters, grid } = this;
    await ctx.attempt(async () => {
      const { choices, buffers } = await ctx.wire.ask("find", filters.query);
      const { buffer, byteOffset, byteLength } = buffers[0];
      const numbers = [...new Float64Array(buffer.slice(byteOffset, byteOffset + byteLength))];
      filters.setChoices(choices);
      if (!filters.isSet) this.total = numbers.length;
      grid.set(numbers);
      this.showTiles();
    });
  }

  // What is shown

  /** @param {number} number */
  createTile(number) {
    const tile = new Tile(this.ctx, number, {
      open: ({ index }) => {
        this.grid.current = index;
        this.on.open(number);
      },
      focus: ({ index }) => this.grid.settle(index),
      star: () => this.toggleStar(number),
      select: () => this.toggleSelected(number),
    });
    this.fillTile(tile);
    return tile;
  }

  /** @param {Tile} tile */
  fillTile(tile) {
    const row = this.rows.get(tile.number);
    if (row) tile.show(row, this.rows.address(row), this.selection.has(tile.number));
  }

  /** @param {number} number */
  showTile(number) {
    const tile = this.grid.tiles.get(number);
    if (tile) this.fillTile(tile);
  }

  showTiles() {
    for (const tile of this.grid.tiles.values()) this.fillTile(tile);
  }

  /** Show what goes with the tiles that were painted. */
  showAround() {
    this.loadSoon();
    this.showBlank();
    this.filters.showCount(this.grid.numbers.length);
  }

  showBlank() {
    const { filters, blank, grid } = this;
    blank.hidden = grid.numbers.length > 0;
    if (blank.hidden) return;
    if (filters.isSet) fill(blank, ...this.createNothingFound());
    else if (!this.total) fill(blank, ...this.createEmpty());
  }

  createNothingFound() {
    const { h, t } = this.ctx;
    const clear = h("button", { class: "nowp-plain", text: t("clear"), onclick: () => this.filters.clear() });
    return [h("p", { class: "nowp-blank-title", text: t("nothing") }), clear];
  }

  createEmpty() {
    const { h, t } = this.ctx;
    return [
      h("div", { class: "nowp-blank-art", "aria-hidden": "true" }, h("i"), h("i"), h("i")),
      h("p", { class: "nowp-blank-title", text: t("empty") }),
      h("p", { text: t("emptyHint") }),
      h("p", { text: t("drop") }),
    ];
  }

  async load() {
    const tiles = [...this.grid.tiles.values()].sort((a, b) => a.index - b.index);
    await this.rows.load(tiles.map((tile) => tile.number));
  }

  // Keys and marks

  focus() {
    (this.grid.tile ?? this.filters.search).focus();
  }

  /** Come back from the comparison, to the button that led there. */
  goBack() {
    if (this.selection.el.hidden) this.focus();
    else this.selection.button.focus();
  }

  /** Come back from the full view. @param {number} number */
  goTo(number) {
    const index = this.grid.numbers.indexOf(number);
    if (index >= 0) this.grid.go(index);
    else this.focus();
  }

  /** @param {KeyboardEvent} event */
  handleKey(event) {
    const { number } = this.grid;
    if (event.ctrlKey || event.metaKey || event.altKey || number === undefined) return;
    if (event.key === "s") this.toggleStar(number);
    else if (event.key === "c") this.toggleSelected(number);
    else if (event.key === "t") this.on.open(number, "tag");
    else if (event.key === "Delete" || event.key === "Backspace") this.trash(number);
    else if (!this.grid.goByKey(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {number} number */
  toggleStar(number) {
    const row = this.rows.get(number);
    if (row) this.putStar(!row.starred, { number, output: 0 });
  }

  /** @param {boolean} on @param {Marked} what */
  putStar(on, what) {
    this.ctx.attempt(() => this.ctx.wire.ask("star", { ...what, on }));
  }

  /** @param {number} number */
  toggleSelected(number) {
    if (this.rows.get(number)?.count) this.selection.toggle(number);
  }

  /** @param {number} number @param {number} [output] one picture of it */
  async trash(number, output = 0) {
    const { ctx } = this;
    const what = { number, output };
    const ref = output ? `#${number}.${output}` : `#${number}`;
    const restore = async () => {
      await ctx.wire.ask("restore", what);
      ctx.announce(ctx.t("restored", { ref }));
    };
    await ctx.attempt(async () => {
      await ctx.wire.ask("trash", what);
      ctx.toast(ctx.t("trashed", { ref }), ctx.t("undo"), () => ctx.attempt(restore));
    });
  }

  // What the kernel tells

  /** @param {number} number @param {Bytes | undefined} data */
  takeThumb(number, data) {
    if (!data) return;
    this.rows.putThumb(number, data);
    this.showTile(number);
    this.on.updateThumb(number);
  }

  /** @param {number} number @param {string} address */
  showPartial(number, address) {
    this.rows.partials.set(number, address);
    this.showTile(number);
  }

  /** @param {Row} row @param {Bytes | undefined} data */
  takeRow(row, data) {
    const { number, status } = row;
    const before = this.rows.put(row);
    this.filters.addChoices(row);
    if (data) this.rows.putThumb(number, data);
    const hasArrived = status === "done" && before && before.status !== "done";
    if (hasArrived) this.ctx.announce(this.ctx.t("arrived", { ref: `#${number}` }));
    if (this.grid.numbers.includes(number)) this.showTile(number);
    else if (this.filters.isSet) this.find();
    else this.insert(number);
    this.on.updateRow(row);
  }

  /** @param {number} number */
  insert(number) {
    this.total += 1;
    this.grid.insert(number);
  }

  /** @param {number} number */
  forget(number) {
    this.on.leave(number);
    this.rows.drop(number);
    this.selection.drop(number);
    if (!this.grid.numbers.includes(number)) return;
    this.total -= 1;
    const hadFocus = this.grid.remove(number);
    if (hadFocus) this.focus();
  }

  /** @param {string} folder */
  forgetAll(folder) {
    this.on.leave();
    this.rows.clear();
    this.grid.clear();
    this.total = 0;
    this.selection.set([]);
    this.ctx.toast(this.ctx.t("moved", { folder }));
    this.find();
  }
}
