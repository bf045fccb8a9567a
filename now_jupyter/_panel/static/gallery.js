import { Chooser, createActions, entriesOf, menuOf } from "./actions.js";
import { debounce, fill } from "./dom.js";
import { Filters } from "./filters.js";
import { Grid } from "./grid.js";
import { Handout } from "./handout.js";
import { Marks } from "./marks.js";
import { Menu } from "./menu.js";
import { Rows } from "./rows.js";
import { RubberBand } from "./rubber.js";
import { Selection } from "./selection.js";
import { keyOf, placesOf, readPlaces } from "./spots.js";
import { Tile } from "./tile.js";
import { Verbs } from "./verbs.js";

const REST_MS = 1000;

/** @import { Context } from "./context.js" */
/** @import { DraftForm } from "./draft.js" */
/** @import { Bytes, Placed, Row, Spot } from "./types.d.ts" */

/**
 * What the gallery tells the views above it; `leave` comes before a generation is gone, without a number where all are,
 * `updateRow` before its tiles change.
 *
 * @typedef {object} GalleryHooks
 * @property {(spot: Spot, part?: "tag") => void} open
 * @property {(spots: Spot[]) => void} compare
 * @property {(row: Row) => void} updateRow
 * @property {(spot: Spot) => void} updateThumb
 * @property {(number?: number) => void} leave
 */

/** The gallery: filters above, tiles of what fits, and the bar of what is chosen. */
export class Gallery {
  /** @param {Context} ctx @param {DraftForm} form @param {GalleryHooks} on */
  constructor(ctx, form, on) {
    const { h, t, signal } = ctx;
    this.ctx = ctx;
    this.on = on;
    this.total = 0;
    this.isKnown = false;
    this.isWhole = false;
    this.filters = new Filters(ctx, { change: () => this.find(), resize: (side) => this.grid.resize(side) });
    this.rows = new Rows(ctx, (number) => this.showTilesOf(number));
    this.marks = new Marks(ctx, (spot) => this.rows.ref(spot));
    this.handout = new Handout(ctx);
    this.selection = new Selection(() => this.showSelection());
    this.chooser = new Chooser(ctx, this);
    this.menu = new Menu(ctx);
    this.trouble = h("div", { class: "nowp-trouble nowp-apiece" });
    this.verbs = new Verbs(ctx, form, { trouble: this.trouble, leave: () => {}, back: () => this.focus() });
    this.actions = createActions(this);
    this.chooser.offer(this.actions);
    this.blank = h("div", { class: "nowp-blank", hidden: true });
    this.grid = new Grid(ctx, this.blank, {
      create: (spot) => this.createTile(spot),
      fit: () => this.tellBars(),
      paint: () => this.showAround(),
      key: (event) => this.handleKey(event),
    });
    if (this.filters.size) this.grid.size = { smallest: this.filters.size, isChosen: true };
    this.band = new RubberBand(ctx, this);
    this.loadSoon = debounce(signal, 60, () => this.load());
    this.findSoon = debounce(signal, 60, () => this.find());
    this.askChoicesSoon = debounce(signal, REST_MS, () => this.askChoices());
    this.findRestSoon = debounce(signal, REST_MS, () => this.find());
    const parts = [this.filters.el, this.grid.el, this.trouble, this.chooser.el];
    this.el = h("section", { class: "nowp-gallery", "aria-label": t("gallery") }, ...parts);
    this.hear();
  }

  hear() {
    const { wire } = this.ctx;
    wire.on("thumb", ({ number, output }, [data]) => this.takeThumb({ number, output }, data));
    wire.on("changed", ({ row }) => this.takeRow(row));
    wire.on("gone", ({ number }) => this.forget(number));
    wire.on("moved", ({ folder }) => this.forgetAll(folder));
  }

  // What fits

  /** Show what fits; the first time its newest, and the rest when the pictures in sight have come. */
  async find() {
    const { ctx, filters } = this;
    await ctx.attempt(async () => {
      const asked = { ...filters.query, newest: !this.isKnown };
      const { whole, choices, buffers } = await ctx.wire.ask("find", asked);
      const places = readPlaces(buffers);
      this.isWhole = whole;
      if (choices) filters.setChoices(choices);
      if (whole && !filters.isSet) this.total = places.length;
      this.put(places);
      this.showTiles();
      if (!whole) this.findRestSoon();
      if (asked.newest) this.load(); // what one scrolls past can wait, the first sight need not
      this.isKnown = true;
    });
  }

  /** Offer no more to filter by what is not there any more. */
  async askChoices() {
    const { ctx, filters } = this;
    await ctx.attempt(async () => filters.setChoices(await ctx.wire.ask("choices", {})));
  }

  /** @param {Placed[]} places */
  put(places) {
    const wasLeft = this.grid.set(places);
    this.selection.prune((spot) => this.grid.indexOf(spot) >= 0);
    if (wasLeft) this.focus();
  }

  // What is shown

  /** @param {Spot} spot */
  createTile(spot) {
    const tile = new Tile(this.ctx, spot, {
      open: (event) => this.click(spot, event),
      focus: () => this.grid.settle(this.grid.indexOf(spot)),
      star: () => this.toggleStar([spot]),
      select: () => this.choose(spot),
      hold: () => this.handout.hold(spot),
      release: () => this.handout.release(),
      menu: (event) => this.openMenu(spot, event),
      drag: (event) => this.handout.drag(spot, this.rows.ref(spot), event),
    });
    this.fillTile(tile);
    return tile;
  }

  /** @param {Tile} tile */
  fillTile(tile) {
    const row = this.rows.get(tile.spot.number);
    if (row) tile.show(row, this.rows.address(tile.spot), this.selection.has(tile.spot));
  }

  /** @param {number} number */
  showTilesOf(number) {
    for (const tile of this.grid.tilesOf(number)) this.fillTile(tile);
  }

  showTiles() {
    for (const tile of this.grid.tiles.values()) this.fillTile(tile);
  }

  showSelection() {
    this.showTiles();
    this.chooser.show();
    this.ctx.announce(this.ctx.t("chosen", { count: this.selection.size }));
  }

  /** Tell the style sheet how high the bars below the pictures are: messages stand above them. */
  tellBars() {
    const { el, grid, ctx } = this;
    const height = el.clientHeight - grid.el.offsetTop - grid.el.offsetHeight;
    ctx.root.style.setProperty("--nowp-bars", `${Math.max(0, height)}px`);
  }

  /** Show what goes with the tiles that were painted. */
  showAround() {
    this.loadSoon();
    this.showBlank();
    if (this.isWhole) this.filters.showCount(this.grid.places.length);
  }

  showBlank() {
    const { filters, blank, grid } = this;
    blank.hidden = grid.places.length > 0;
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
    await this.rows.load(tiles.map((tile) => tile.spot));
  }

  // Where one is

  focus() {
    (this.grid.tile ?? this.filters.search).focus();
  }

  /** Come back from the comparison, to the bar that led there, or to a picture. @param {Spot} [spot] */
  goBack(spot) {
    if (spot) this.goTo(spot);
    else if (this.chooser.el.hidden) this.focus();
    else this.chooser.focus();
  }

  /** Come back from the full view. @param {Spot} spot */
  goTo(spot) {
    const index = this.grid.indexOf(spot);
    if (index >= 0) this.grid.go(index);
    else this.focus();
  }

  /** @param {Spot} spot @param {MouseEvent} event */
  click(spot, event) {
    this.handout.release();
    this.grid.settle(this.grid.indexOf(spot));
    if (event.shiftKey) this.extendTo(spot);
    else if (event.ctrlKey || event.metaKey) this.choose(spot);
    else this.on.open(spot);
  }

  /** @param {Spot} spot @param {MouseEvent} event */
  openMenu(spot, event) {
    event.preventDefault();
    event.stopPropagation();
    this.grid.settle(this.grid.indexOf(spot));
    this.grid.tile?.focus();
    const entries = [
      ...entriesOf(this.verbs, spot, this.rows.get(spot.number)),
      ...menuOf(this.ctx, this.actions, spot),
    ];
    this.menu.open(event, this.rows.ref(spot), entries);
  }

  // Choosing

  /** @param {Spot} spot */
  choose(spot) {
    this.selection.toggle(spot);
  }

  /** Choose all from where the range began. @param {Spot} spot */
  extendTo(spot) {
    const { grid, selection } = this;
    selection.anchor ??= grid.spot ?? spot;
    const ends = [selection.anchor, spot].map((one) => Math.max(0, grid.indexOf(one)));
    selection.set(grid.places.slice(Math.min(...ends), Math.max(...ends) + 1));
  }

  /** The bar goes away with what was chosen; who was there comes back to the pictures. */
  unchoose() {
    this.selection.clear();
    this.focus();
  }

  // Keys

  /** @param {KeyboardEvent} event */
  handleKey(event) {
    const { grid, selection } = this;
    const { key, shiftKey, altKey } = event;
    const isCommand = event.ctrlKey || event.metaKey;
    if (altKey || (isCommand && key.toLowerCase() !== "a")) return;
    const spots = grid.hasFocus && grid.spot ? [grid.spot] : selection.spots;
    if (isCommand) selection.set(grid.places);
    else if (!this.move(key, shiftKey) && !this.act(key, spots)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /**
   * Go where a key leads, with Shift choosing all on the way; true where it leads somewhere.
   * @param {string} key @param {boolean} isChoosing
   */
  move(key, isChoosing) {
    const { grid, selection } = this;
    const target = grid.target(key) ?? this.placeInGeneration(key);
    if (target === undefined) return false;
    const from = grid.spot;
    grid.go(target);
    if (isChoosing && from && grid.spot) {
      if (!selection.size) selection.anchor = from;
      this.extendTo(grid.spot);
    }
    return true;
  }

  /** The picture of this generation that a digit names; none that is not shown. @param {string} key */
  placeInGeneration(key) {
    const { grid, rows } = this;
    if (!/^[1-9]$/.test(key) || !grid.spot) return undefined;
    const { number } = grid.spot;
    const picture = rows.get(number)?.pictures[Number(key) - 1];
    const index = picture ? grid.indexOf({ number, output: picture.output }) : grid.current;
    return index < 0 ? grid.current : index;
  }

  /** Do with pictures what a key says; true where it says something. @param {string} key @param {Spot[]} spots */
  act(key, spots) {
    /** @type {Record<string, () => unknown>} */
    const deeds = {
      s: () => this.toggleStar(spots),
      c: () => spots.length === 1 && this.choose(spots[0]),
      t: () => spots.length === 1 && this.on.open(spots[0], "tag"),
      k: () => this.marks.keep(spots),
      f: () => this.filters.fullscreen.click(),
      delete: () => this.marks.trash(spots),
      backspace: () => this.marks.trash(spots),
      "+": () => this.filters.zoom(1),
      "=": () => this.filters.zoom(1),
      "-": () => this.filters.zoom(-1),
      escape: () => this.selection.clear(),
    };
    const deed = deeds[key.toLowerCase()];
    const isOfPanel = ["f", "+", "=", "-", "escape"].includes(key.toLowerCase());
    if (deed && (spots.length || isOfPanel)) deed();
    return Boolean(deed);
  }

  /** Star all of these, or none where all are. @param {Spot[]} spots */
  toggleStar(spots) {
    this.marks.star(spots, !spots.every((spot) => this.rows.isStarred(spot)));
  }

  // What the kernel tells

  /** @param {Spot} spot @param {Bytes | undefined} data */
  takeThumb(spot, data) {
    if (!data) return;
    this.rows.putThumb(spot, data);
    const tile = this.grid.tiles.get(keyOf(spot));
    if (tile) this.fillTile(tile);
    this.on.updateThumb(spot);
  }

  /** @param {number} number @param {string} address */
  showPartial(number, address) {
    this.rows.partials.set(number, address);
    this.showTilesOf(number);
  }

  /** @param {Row} row */
  takeRow(row) {
    const { number, status } = row;
    const before = this.rows.put(row);
    this.filters.addChoices(row);
    if (before && takesAway(before, row)) this.askChoicesSoon();
    const hasArrived = status === "done" && before && before.status !== "done";
    if (hasArrived) this.ctx.announce(this.ctx.t("arrived", { ref: `#${number}` }));
    this.on.updateRow(row);
    if (this.filters.isSet) this.findSoon();
    else this.replace(number, placesOf(row));
    this.showTilesOf(number);
  }

  /** @param {number} number @param {Placed[]} places */
  replace(number, places) {
    this.total += places.length - this.grid.placesOf(number).length;
    const wasLeft = this.grid.replace(number, places);
    this.selection.prune((spot) => this.grid.indexOf(spot) >= 0);
    if (wasLeft) this.focus();
  }

  /** @param {number} number */
  forget(number) {
    this.on.leave(number);
    this.rows.drop(number);
    this.replace(number, []);
    this.askChoicesSoon();
  }

  /** @param {string} folder */
  forgetAll(folder) {
    this.on.leave();
    this.rows.clear();
    this.handout.clear();
    this.grid.clear();
    this.total = 0;
    this.isKnown = false;
    this.isWhole = false;
    this.selection.clear();
    this.ctx.undos = [];
    this.ctx.toast(this.ctx.t("moved", { folder }));
    this.find();
  }
}

/** Whether something one can filter by may be gone with what a row was before. @param {Row} before @param {Row} row */
function takesAway(before, row) {
  return before.status !== row.status || before.tags.some((tag) => !row.tags.includes(tag));
}
