import { Addresses } from "./wire.js";

/** @import { Context } from "./context.js" */
/** @import { Bytes, Row } from "./types.d.ts" */

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
    /** @type {Addresses<number>} */
    this.thumbs = new Addresses(ctx.signal, MOST_THUMBS);
    /** Unfinished pictures of what is under way. @type {Map<number, string>} */
    this.partials = new Map();
  }

  /** @param {number} number */
  get(number) {
    return this.known.get(number);
  }

  /** The address of what can be shown of a row. @param {Row} row */
  address({ number, count }) {
    return this.thumbs.get(number) ?? (count ? undefined : this.partials.get(number));
  }

  /** Take over a row as it is now. @param {Row} row @returns {Row | undefined} the one that was known before */
  put(row) {
    const before = this.known.get(row.number);
    this.known.set(row.number, row);
    this.asked.delete(row.number);
    if (row.status !== "running" && row.status !== "pending") this.partials.delete(row.number);
    return before;
  }

  /** @param {number} number @param {Bytes} data */
  putThumb(number, data) {
    this.thumbs.put(number, data, "image/jpeg");
  }

  /** @param {number} number */
  drop(number) {
    this.known.delete(number);
    this.thumbs.drop(number);
  }

  clear() {
    this.asked.clear();
    this.partials.clear();
    for (const number of this.known.keys()) this.drop(number);
  }

  /** Ask for what is not known of these, the first ones first. @param {number[]} numbers */
  async load(numbers) {
    const { ctx } = this;
    const missing = numbers.filter((one) => !this.known.has(one) && !this.asked.has(one)).slice(0, MOST_AT_ONCE);
    if (missing.length) await ctx.attempt(() => this.loadRows(missing));
    const bare = numbers.filter((one) => this.known.get(one)?.count && !this.thumbs.get(one)).slice(0, MOST_AT_ONCE);
    if (bare.length) await ctx.attempt(() => ctx.wire.ask("thumbs", { numbers: bare }));
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
