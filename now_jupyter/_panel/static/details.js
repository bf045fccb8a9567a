import { fill, icon } from "./dom.js";

/** @import { Context } from "./context.js" */
/** @import { FullView } from "./picture.js" */
/** @import { Actions, Child, Detail, Draft, Pair } from "./types.d.ts" */

const LONGEST_TAG = 100;

/** Beside the large picture: everything that is known of it, and everything that can be done with it. */
export class Details {
  /** @param {Context} ctx @param {FullView} view */
  constructor(ctx, view) {
    this.ctx = ctx;
    this.view = view;
    this.el = ctx.h("div", { class: "nowp-side" });
    this.tagField = this.createTagField();
  }

  /** @param {Detail} shown @param {number} place */
  show(shown, place) {
    const { h, t } = this.ctx;
    const picture = shown.pictures[place - 1];
    /** @type {Pair[]} */
    const size = picture ? [[t("resolution"), `${picture.width} × ${picture.height}`]] : [];
    const files = shown.files.map(([kind, path]) => /** @type {Pair} */ ([t(`kind.${kind}`), path]));
    const words = (/** @type {string} */ text) => h("p", { class: "nowp-words", text });
    fill(
      this.el,
      h("div", { class: "nowp-actions" }, ...this.createDraftActions(shown), ...this.createVerbs(shown, place)),
      shown.lines.length && shown.count ? this.ctx.createErrorCard(shown.lines) : null,
      this.createPart("prompt", words(shown.prompt)),
      shown.text ? this.createPart("text", words(shown.text)) : null,
      shown.files.length ? this.createPart("files", this.createFacts(files)) : null,
      picture?.revised ? this.createPart("revised", words(picture.revised)) : null,
      this.createPart("parameters", this.createFacts([...shown.params, ...size, ...shown.facts])),
      this.createPart("tags", this.createTags(shown)),
      shown.buttons.length ? this.createPart("service", this.createButtons(shown)) : null,
      shown.parents.length ? this.createPart("parents", this.createFamily(shown.parents)) : null,
      shown.children.length ? this.createPart("children", this.createFamily(shown.children)) : null,
    );
  }

  /** Show the thumbnail of a relative that was not there before. @param {number} number */
  updateThumb(number) {
    for (const one of this.el.querySelectorAll(`.nowp-relative[data-number="${number}"] img`)) {
      one.replaceWith(this.createThumb(number));
    }
  }

  /** @param {string} label @param {Child} content */
  createPart(label, content) {
    const { h, t } = this.ctx;
    return h("section", { class: "nowp-part" }, h("h4", { text: t(label) }), content);
  }

  /** @param {string} text @param {string} title @param {() => void} onclick */
  createAction(text, title, onclick) {
    return this.ctx.h("button", { class: "nowp-plain", title, text, onclick });
  }

  /** What fills the form, or goes to the clipboard. @param {Detail} shown */
  createDraftActions({ draft, cell }) {
    const { t } = this.ctx;
    const { form } = this.view;
    const { seed: _, ...unseeded } = draft.options;
    const use = (/** @type {Draft} */ one) => {
      this.view.hide();
      form.use(one);
      this.ctx.announce(t("recalled"));
    };
    const { prompt, parent } = draft;
    return [
      this.createAction(t("usePrompt"), "", () => use({ ...form.draft, prompt, parent })),
      this.createAction(t("useAll"), "", () => use(draft)),
      this.createAction(t("remix"), t("remixWhy"), () => use({ ...draft, options: unseeded })),
      this.createAction(t("copyCell"), "", () => this.ctx.copyCell(cell)),
    ];
  }

  /** What the session can do with a picture, for money. @param {Detail} shown @param {number} place */
  createVerbs({ number, verbs }, place) {
    const { t } = this.ctx;
    const edit = () => this.order("edit", { number, place, draft: this.view.form.draft, at: Date.now() });
    const vary = () => this.order("vary", { number, place, at: Date.now() });
    return [
      verbs.includes("edit") ? this.createAction(t("edit"), t("editWhy"), edit) : null,
      verbs.includes("vary") ? this.createAction(t("vary"), "", vary) : null,
    ];
  }

  /** The buttons of the service. @param {Detail} shown */
  createButtons({ number, buttons }) {
    const press = (/** @type {string} */ label) => this.order("press", { number, label, at: Date.now() });
    const actions = buttons.map((label) => this.createAction(label, "", () => press(label)));
    return this.ctx.h("div", { class: "nowp-actions" }, ...actions);
  }

  /**
   * Do something that costs money.
   * @template {"edit" | "vary" | "press"} Verb
   * @param {Verb} verb @param {Actions[Verb]["asks"]} fields
   */
  async order(verb, fields) {
    const { ctx } = this;
    await ctx.attempt(async () => {
      await ctx.wire.ask(verb, fields);
      ctx.announce(ctx.t("ordered"));
    });
  }

  /** @param {Pair[]} pairs */
  createFacts(pairs) {
    const { h } = this.ctx;
    const told = pairs.filter(([, value]) => value !== "");
    const parts = told.flatMap(([name, value]) => [h("dt", { text: name }), h("dd", { text: value })]);
    return h("dl", { class: "nowp-facts" }, ...parts);
  }

  // Tags

  createTagField() {
    const { h, t } = this.ctx;
    const label = t("addTag");
    const props = { class: "nowp-input nowp-tag-new", placeholder: label, maxlength: LONGEST_TAG };
    const onkeydown = (/** @type {KeyboardEvent} */ event) => {
      const tag = this.tagField.value.trim();
      if (event.key === "Enter" && tag) this.setTag(tag, true);
    };
    return h("input", { ...props, "aria-label": label, onkeydown });
  }

  /** @param {Detail} shown */
  createTags({ tags }) {
    const { h, t } = this.ctx;
    const chips = tags.map((tag) => {
      const remove = { class: "nowp-bare", label: t("removeTag", { tag }), onclick: () => this.setTag(tag, false) };
      return h("span", { class: "nowp-tag" }, h("span", { text: tag }), h("button", remove, icon("close")));
    });
    return h("div", { class: "nowp-tags" }, ...chips, this.tagField);
  }

  /** @param {string} tag @param {boolean} on */
  async setTag(tag, on) {
    const { shown } = this.view;
    if (!shown) return;
    await this.ctx.attempt(async () => {
      await this.ctx.wire.ask("tag", { number: shown.number, output: 0, tag, on });
      this.tagField.value = "";
      await this.view.renew();
      this.tagField.focus();
    });
  }

  // Family

  /** @param {number[]} numbers */
  createFamily(numbers) {
    const missing = numbers.filter((number) => !this.view.gallery.rows.thumbs.get(number));
    if (missing.length) this.ctx.wire.ask("thumbs", { numbers: missing });
    return this.ctx.h("div", { class: "nowp-family" }, ...numbers.map((number) => this.createRelative(number)));
  }

  /** @param {number} number */
  createRelative(number) {
    const { h } = this.ctx;
    const ref = `#${number}`;
    const open = { class: "nowp-relative", label: ref, "data-number": number, onclick: () => this.view.open(number) };
    return h("button", open, this.createThumb(number), h("span", { text: ref }));
  }

  /** @param {number} number */
  createThumb(number) {
    const src = this.view.gallery.rows.thumbs.get(number);
    return this.ctx.h("img", { alt: "", src, hidden: !src });
  }
}
