import { fill } from "./dom.js";
import { askConsent } from "./order.js";
import { Asked, linesOf } from "./wire.js";

/** @import { Context } from "./context.js" */
/** @import { DraftForm } from "./draft.js" */
/** @import { Actions, Takes } from "./types.d.ts" */
/** @typedef {{number: number, model: string, takes?: Takes}} Subject what is known of a generation */
/** @typedef {{name: string, label: string, title: string, isOff: boolean, run: () => void}} Verb */

/** What can be made of a picture: the same once more, another version, an edit, a repaint, a button of the service. */
export class Verbs {
  /**
   * @param {Context} ctx @param {DraftForm} form
   * @param {{trouble: HTMLElement, leave: () => void, back: () => void}} given
   * where questions and errors stand, how the place is left for the form, and where the focus goes back to
   */
  constructor(ctx, form, { trouble, leave, back }) {
    this.ctx = ctx;
    this.form = form;
    this.trouble = trouble;
    this.leave = leave;
    this.back = back;
    this.isOrdering = false;
  }

  /**
   * What can be done with a picture; what its model and that of the form do not take is off, and the title says why.
   * @param {Subject} subject @param {number} place 0 where there is no picture
   */
  list(subject, place) {
    const { t } = this.ctx;
    const { inputs } = this.form;
    const takes = subject.takes ?? inputs.takesOf(subject.model);
    const canEdit = Boolean(takes.picture || inputs.takes.picture);
    const canPaint = Boolean((takes.picture && takes.mask) || (inputs.takes.picture && inputs.takes.mask));
    const why = (/** @type {"picture" | "mask" | "vary"} */ role) => inputs.explain(role, subject.model);
    const { number } = subject;
    const order = (/** @type {"again" | "vary"} */ verb) => () =>
      verb === "again" ? this.again(number) : this.vary(number, place);
    const edit = (/** @type {boolean} */ paints) => () => this.edit({ ...subject, takes }, place, paints);
    /** @type {(name: string, can: boolean, reason: string, run: () => void) => Verb} */
    const verb = (name, can, reason, run) => ({
      name,
      label: t(name),
      title: can ? t(`${name}Why`) : reason,
      isOff: !can,
      run,
    });
    const again = verb("again", true, "", order("again"));
    if (!place) return [again];
    return [
      again,
      verb("vary", Boolean(takes.vary), why("vary"), order("vary")),
      verb("edit", canEdit, why("picture"), edit(false)),
      verb("repaint", canPaint, why("mask"), edit(true)),
    ];
  }

  /** @param {Required<Subject>} subject @param {number} place @param {boolean} paints */
  edit(subject, place, paints) {
    this.leave();
    this.form.edit(subject, place, paints);
  }

  /** @param {number} number */
  again(number) {
    return this.order("again", (agreed) => ({ number, at: Date.now(), agreed }));
  }

  /** @param {number} number @param {number} place */
  vary(number, place) {
    return this.order("vary", (agreed) => ({ number, place, at: Date.now(), agreed }));
  }

  /** @param {number} number @param {string} label */
  press(number, label) {
    return this.order("press", (agreed) => ({ number, label, at: Date.now(), agreed }));
  }

  /**
   * Order something, asking first where the kernel wants the user's word; while one is under way, none begins.
   * @template {"again" | "vary" | "press"} Name
   * @param {Name} verb @param {(agreed: string[]) => Actions[Name]["asks"]} write @param {string[]} agreed
   */
  async order(verb, write, agreed = []) {
    const { ctx, trouble, back } = this;
    if (this.isOrdering) return;
    this.isOrdering = true;
    fill(trouble);
    try {
      await ctx.wire.ask(verb, write(agreed));
      ctx.toast(ctx.t("ordered"));
    } catch (error) {
      const order = (/** @type {string[]} */ words) => this.order(verb, write, words);
      if (error instanceof Asked) askConsent(ctx, trouble, error, { back, order });
      else
        fill(
          trouble,
          ctx.createErrorCard(linesOf(error), () => fill(trouble)),
        );
    } finally {
      this.isOrdering = false;
    }
  }
}
