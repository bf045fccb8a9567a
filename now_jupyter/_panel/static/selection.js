import { keyOf, spotOf } from "./spots.js";

/** @import { Spot } from "./types.d.ts" */

/** What is chosen, in the order in which it was; a range goes from what was chosen last by itself. */
export class Selection {
  /** @param {() => void} onchange */
  constructor(onchange) {
    this.onchange = onchange;
    /** @type {Set<string>} */
    this.keys = new Set();
    /** Where a range begins. @type {Spot | null} */
    this.anchor = null;
  }

  get spots() {
    return [...this.keys].map(spotOf);
  }

  get size() {
    return this.keys.size;
  }

  /** @param {Spot} spot */
  has(spot) {
    return this.keys.has(keyOf(spot));
  }

  /** @param {Spot} spot */
  toggle(spot) {
    const key = keyOf(spot);
    if (!this.keys.delete(key)) this.keys.add(key);
    this.anchor = spot;
    this.onchange();
  }

  /** @param {Spot[]} spots */
  set(spots) {
    this.keys = new Set(spots.map(keyOf));
    this.onchange();
  }

  clear() {
    this.anchor = null;
    if (this.size) this.set([]);
  }

  /** Choose no more what is not there any more. @param {(spot: Spot) => boolean} isThere */
  prune(isThere) {
    const left = this.spots.filter(isThere);
    if (left.length < this.size) this.set(left);
  }
}
