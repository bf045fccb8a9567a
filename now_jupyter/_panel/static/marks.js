import { pairsOf, spotsOf } from "./spots.js";

/** @import { Context } from "./context.js" */
/** @import { Spot } from "./types.d.ts" */

const MOST_MARKED = 500;

/** Marks put on pictures, one or many: star, tag, trash, "keep this, drop the rest"; what is dropped can be undone. */
export class Marks {
  /** @param {Context} ctx @param {(spot: Spot) => string} ref what people write for a picture */
  constructor(ctx, ref) {
    this.ctx = ctx;
    this.ref = ref;
  }

  /** @param {Spot[]} spots @param {boolean} on */
  star(spots, on) {
    return this.ctx.attempt(async () => {
      for (const part of inParts(spots)) await this.ctx.wire.ask("star", { spots: pairsOf(part), on });
      return true;
    });
  }

  /** @param {Spot[]} spots @param {string} tag @param {boolean} on */
  tag(spots, tag, on = true) {
    return this.ctx.attempt(async () => {
      for (const part of inParts(spots)) await this.ctx.wire.ask("tag", { spots: pairsOf(part), tag, on });
      return true;
    });
  }

  /** Put pictures into the trash. @param {Spot[]} spots @param {() => void} undone what is done when they are back */
  trash(spots, undone = () => {}) {
    const words = this.say("trashed", spots);
    return this.ctx.attempt(async () => {
      for (const part of inParts(spots)) await this.ctx.wire.ask("trash", { spots: pairsOf(part) });
      this.offerUndo(words, spots, undone);
      return true;
    });
  }

  /** Keep these, and put the other pictures of their generations into the trash. @param {Spot[]} spots */
  keep(spots) {
    const { ctx } = this;
    const [first] = spots;
    return ctx.attempt(async () => {
      const dropped = [];
      for (const part of inParts(spots)) {
        dropped.push(...spotsOf((await ctx.wire.ask("keep", { spots: pairsOf(part) })).dropped));
      }
      const kept = spots.length > 1 ? ctx.t("these", { count: spots.length }) : this.ref(first);
      const words = dropped.length ? ctx.t("kept", { ref: kept, count: dropped.length }) : ctx.t("nothingElse");
      if (dropped.length) this.offerUndo(words, dropped);
      else ctx.toast(words);
    });
  }

  /** @param {string} words @param {Spot[]} spots @param {() => void} undone */
  offerUndo(words, spots, undone = () => {}) {
    const { ctx } = this;
    const restore = async () => {
      const back = this.say("restored", spots);
      for (const part of inParts(spots)) await ctx.wire.ask("restore", { spots: pairsOf(part) });
      ctx.announce(back);
      undone();
    };
    ctx.offerUndo(words, () => ctx.attempt(restore));
  }

  /** What happened to one or to many. @param {"trashed" | "restored"} key @param {Spot[]} spots */
  say(key, spots) {
    const { t } = this.ctx;
    return spots.length === 1 ? t(key, { ref: this.ref(spots[0]) }) : t(`${key}Many`, { count: spots.length });
  }
}

/** Generations are kept whole, so that none is asked twice what to keep. @param {Spot[]} spots */
function inParts(spots) {
  const sorted = [...spots].sort((one, other) => other.number - one.number);
  /** @type {Spot[][]} */
  const parts = [[]];
  for (const [index, spot] of sorted.entries()) {
    const part = parts[parts.length - 1];
    if (part.length >= MOST_MARKED && sorted[index - 1].number !== spot.number) parts.push([spot]);
    else part.push(spot);
  }
  return parts;
}
