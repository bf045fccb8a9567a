import { fill, icon } from "./dom.js";
import { askConsent, askWords } from "./order.js";
import { Asked, linesOf } from "./wire.js";

/** @import { Context } from "./context.js" */
/** @import { DraftForm } from "./draft.js" */
/** @import { Actions, Given, ServiceButton, Takes } from "./types.d.ts" */
/** @typedef {{number: number, model: string, takes: Takes}} Subject what is known of a generation */
/** @typedef {Parameters<typeof icon>[0]} IconName */
/** @typedef {{name: string, icon: IconName, label: string, title: string, isOff: boolean, run: () => void}} Verb */

/** @satisfies {Record<string, IconName>} */
const VERB_ICONS = { again: "again", vary: "vary", edit: "pencil", repaint: "brush" };

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
   * @param {Subject} subject @param {number} output 0 where there is no picture
   */
  list(subject, output) {
    const { t } = this.ctx;
    const { inputs } = this.form;
    const { takes } = subject;
    const canEdit = Boolean(takes.picture || inputs.takes.picture);
    const canPaint = Boolean((takes.picture && takes.mask) || (inputs.takes.picture && inputs.takes.mask));
    const why = (/** @type {"picture" | "mask" | "vary"} */ role) => inputs.explain(role, subject.model);
    const { number } = subject;
    const order = (/** @type {"again" | "vary"} */ verb) => () =>
      verb === "again" ? this.again(number) : this.vary(number, output);
    const edit = (/** @type {boolean} */ paints) => () => this.edit(subject, output, paints);
    /** @type {(name: keyof typeof VERB_ICONS, can: boolean, reason: string, run: () => void) => Verb} */
    const verb = (name, can, reason, run) => ({
      name,
      icon: VERB_ICONS[name],
      label: t(name),
      title: can ? t(`${name}Why`) : reason,
      isOff: !can,
      run,
    });
    const again = verb("again", true, "", order("again"));
    if (!output) return [again];
    return [
      again,
      verb("vary", Boolean(takes.vary), why("vary"), order("vary")),
      verb("edit", canEdit, why("picture"), edit(false)),
      verb("repaint", canPaint, why("mask"), edit(true)),
    ];
  }

  /** @param {Subject} subject @param {number} output @param {boolean} paints */
  edit(subject, output, paints) {
    this.leave();
    this.form.edit(subject, output, paints);
  }

  /** @param {number} number */
  again(number) {
    return this.order("again", (agreed) => ({ number, at: Date.now(), agreed }));
  }

  /** @param {number} number @param {number} output */
  vary(number, output) {
    return this.order("vary", (agreed) => ({ number, output, at: Date.now(), agreed }));
  }

  /**
   * Press a button of the service; what it asks for is asked first.
   * @param {number} number @param {ServiceButton} button
   */
  press(number, button) {
    if (button.refused) this.ctx.toast(this.ctx.t("buttonRefused"));
    else if (button.asks === "mask") this.paint(number, button);
    else if (button.asks === "words") this.ask(number, button, []);
    else this.orderPress(number, button.label, "", []);
  }

  /** @param {number} number @param {string} label @param {string} prompt @param {Given[]} masks */
  orderPress(number, label, prompt, masks) {
    return this.order("press", (agreed) => ({ number, label, prompt, masks, at: Date.now(), agreed }));
  }

  /** Have a mask painted over the picture, then ask for words. @param {number} number @param {ServiceButton} button */
  async paint(number, button) {
    const { ctx, form, back } = this;
    await ctx.attempt(async () => {
      const { input } = await ctx.wire.ask("pick", { number, output: 0 });
      const take = (/** @type {Given | null} */ mask) => {
        if (mask) this.ask(number, button, [mask]);
        else ctx.toast(ctx.t("noMask"));
      };
      await form.dialog.open(input, undefined, take, back);
    });
  }

  /** @param {number} number @param {ServiceButton} button @param {Given[]} masks */
  ask(number, { label, words }, masks) {
    const order = (/** @type {string} */ prompt) => this.orderPress(number, label, prompt, masks);
    askWords(this.ctx, this.trouble, { label, words }, { back: this.back, order });
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
        ctx.showIn(
          trouble,
          ctx.createErrorCard(linesOf(error), () => ctx.replace(trouble)),
        );
    } finally {
      this.isOrdering = false;
    }
  }
}
