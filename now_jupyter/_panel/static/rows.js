import { debounce } from "./dom.js";
import { isPicture, keyOf, pairsOf } from "./spots.js";
import { Addresses } from "./wire.js";

/** @import { Context } from "./context.js" */
/** @import { Bytes, PictureMarks, Row, Spot } from "./types.d.ts" */

const MOST_AT_ONCE = 200;
const MOST_THUMBS = 600;

/** The rows and thumbnails that are known; what is in sight and not known is asked for. */
export class Rows {
  /** @param {Context} ctx @param {(number: number) => void} onload */
  constructor(ctx, onload) {
    this.ctx = ctx;
    this.onload = onload;
    /** @type {Map<number, Row>} */
    this.known = new Map();
    /** @type {Set<number>} */
    this.asked = new Set();
    /** @type {Addresses<string>} */
    this.thumbs = new Addresses(ctx.signal, MOST_THUMBS);
    /** Of which thumbnails are to be asked for. @type {Map<string, Spot>} */
    this.wanted = new Map();
    this.askSoon = debounce(ctx.signal, 0, () => this.askThumbs());
    /** Unfinished pictures of what is under way. @type {Map<number, string>} */
    this.partials = new Map();
  }

  /** @param {number} number */
  get(number) {
    return this.known.get(number);
  }

  /** What is known of a picture. @param {Spot} spot @returns {PictureMarks | undefined} */
  picture({ number, output }) {
    return this.known.get(number)?.pictures.find((one) => one.output === output);
  }

  /** What people write for it. @param {Spot} spot */
  ref({ number, output }) {
    return this.picture({ number, output })?.ref ?? (output ? `#${number}.${output}` : `#${number}`);
  }

  /** @param {Spot} spot */
  isStarred(spot) {
    return (this.picture(spot) ?? this.known.get(spot.number))?.starred ?? false;
  }

  /** The address of a thumbnail, or of what there is as long as there is none. @param {Spot} spot */
  address(spot) {
    return this.thumbs.get(keyOf(spot)) ?? (spot.output ? undefined : this.partials.get(spot.number));
  }

  /** Take over a row as it is now. @param {Row} row @returns {Row | undefined} the one that was known before */
  put(row) {
    const before = this.known.get(row.number);
    this.known.set(row.number, row);
    this.asked.delete(row.number);
    if (row.status !== "running" && row.status !== "pending") this.partials.delete(row.number);
    return before;
  }

  /** @param {Spot} spot @param {Bytes} data */
  putThumb(spot, data) {
    this.thumbs.put(keyOf(spot), data, "image/jpeg");
  }

  /** @param {number} number */
  drop(number) {
    for (const { output } of this.known.get(number)?.pictures ?? []) this.thumbs.drop(keyOf({ number, output }));
    this.known.delete(number);
  }

  clear() {
    this.asked.clear();
    this.wanted.clear();
    this.partials.clear();
    this.known.clear();
    this.thumbs.clear();
  }

  /** Ask for what is not known of these, the first ones first. @param {Spot[]} spots */
  async load(spots) {
    const numbers = [...new Set(spots.map((one) => one.number))];
    const missing = numbers.filter((one) => !this.known.has(one) && !this.asked.has(one)).slice(0, MOST_AT_ONCE);
    const rows = missing.length ? this.ctx.attempt(() => this.loadRows(missing)) : null;
    this.wantThumbs(spots.filter(isPicture));
    await rows;
  }

  /**
   * Ask for the thumbnails that are not known; they come one by one. What is asked for takes the place of what was
   * asked for before, so all that is wanted at one moment is asked for together.
   * @param {Spot[]} spots
   */
  wantThumbs(spots) {
    for (const one of spots) if (!this.thumbs.get(keyOf(one))) this.wanted.set(keyOf(one), one);
    if (this.wanted.size) this.askSoon();
  }

  askThumbs() {
    const spots = pairsOf([...this.wanted.values()].slice(0, MOST_AT_ONCE));
    this.wanted.clear();
    this.ctx.attempt(() => this.ctx.wire.ask("thumbs", { spots }));
  }

  /** @param {number[]} numbers */
  async loadRows(numbers) {
    for (const number of numbers) this.asked.add(number);
    try {
      const { rows } = await this.ctx.wire.ask("rows", { numbers });
      for (const row of rows) if (this.asked.has(row.number)) this.known.set(row.number, row);
      for (const { number } of rows) this.onload(number);
    } finally {
      for (const number of numbers) this.asked.delete(number);
    }
  }
}
