import { fill, icon } from "./dom.js";
import { keyOf, pairsOf, spotsOf } from "./spots.js";
import { Verbs } from "./verbs.js";

/** @import { Context } from "./context.js" */
/** @import { FullView } from "./picture.js" */
/** @import { Child, Detail, Draft, Pair, Spot } from "./types.d.ts" */

const LONGEST_TAG = 100;

/** Beside the large picture: everything that is known of it, and everything that can be done with it. */
export class Details {
  /** @param {Context} ctx @param {FullView} view */
  constructor(ctx, view) {
    this.ctx = ctx;
    this.view = view;
    this.el = ctx.h("div", { class: "nowp-side" });
    this.tagField = this.createTagField();
    this.trouble = ctx.h("div", { class: "nowp-trouble" });
    this.verbs = new Verbs(ctx, view.form, {
      trouble: this.trouble,
      leave: () => view.hide(),
      back: () => this.el.querySelector("button")?.focus(),
    });
  }

  /** @param {Detail} shown @param {number} place */
  show(shown, place) {
    const { h, t } = this.ctx;
    const picture = shown.pictures[place - 1];
    const words = (/** @type {string} */ text) => h("p", { class: "nowp-words", text });
    /** @type {Pair[]} */
    const size = picture ? [[t("resolution"), `${picture.width} × ${picture.height}`]] : [];
    const notes = (picture?.notes ?? []).map((note) => words(t(`note.${note}`)));
    const parents = spotsOf(shown.parents);
    const children = childrenOf(shown, picture?.output ?? 0);
    const files = shown.files.map(([kind, path]) => /** @type {Pair} */ ([t(`kind.${kind}`), path]));
    fill(
      this.el,
      ...notes,
      h("div", { class: "nowp-actions nowp-verbs" }, ...this.createVerbs(shown, place)),
      shown.buttons.length ? this.createPart("service", this.createButtons(shown)) : null,
      this.trouble,
      h("div", { class: "nowp-actions" }, ...this.createDraftActions(shown)),
      shown.lines.length && shown.count ? this.ctx.createErrorCard(shown.lines) : null,
      shown.prompt ? this.createPart("prompt", words(shown.prompt)) : null,
      shown.text ? this.createPart("text", words(shown.text)) : null,
      shown.files.length ? this.createPart("files", this.createFacts(files)) : null,
      picture?.revised ? this.createPart("revised", words(picture.revised)) : null,
      this.createPart("parameters", this.createFacts([...shown.params, ...size, ...shown.facts])),
      this.createPart("tags", this.createTags(picture ?? shown)),
      shown.given.length
        ? this.createPart("inputs", this.createFacts(shown.given.map(([role, name]) => [t(`role.${role}`), name])))
        : null,
      parents.length ? this.createPart("parents", this.createFamily(parents)) : null,
      children.length ? this.createPart("children", this.createFamily(children)) : null,
    );
  }

  /** Show the thumbnail of a relative that was not there before. @param {Spot} spot */
  updateThumb(spot) {
    for (const one of this.el.querySelectorAll(`.nowp-relative[data-spot="${keyOf(spot)}"] img`)) {
      one.replaceWith(this.createThumb(spot));
    }
  }

  /** @param {string} label @param {Child} content */
  createPart(label, content) {
    const { h, t } = this.ctx;
    return h("section", { class: "nowp-part" }, h("h4", { text: t(label) }), content);
  }

  /**
   * A button; one that cannot be used says why.
   * @param {string} text @param {string} title @param {() => void} onclick
   */
  createAction(text, title, onclick, isOff = false) {
    const off = isOff ? { "aria-disabled": "true", "aria-label": `${text}: ${title}` } : {};
    const say = () => this.ctx.toast(title);
    return this.ctx.h("button", { class: "nowp-plain", title, text, ...off, onclick: isOff ? say : onclick });
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

  /** What can be made of a picture. @param {Detail} shown @param {number} place */
  createVerbs(shown, place) {
    const verbs = this.verbs.list(shown, shown.pictures[place - 1]?.output ?? 0);
    return verbs.map(({ label, title, run, isOff }) => this.createAction(label, title, run, isOff));
  }

  /** The buttons of the service. @param {Detail} shown */
  createButtons({ number, buttons }) {
    const { h, t } = this.ctx;
    const actions = buttons.map((one) => {
      const { label, used, refused } = one;
      const title = refused ? t("buttonRefused") : used ? t("used") : "";
      const action = this.createAction(label, title, () => this.verbs.press(number, one), refused);
      action.classList.toggle("nowp-used", used);
      if (used) action.setAttribute("aria-label", `${label} · ${t("used")}`);
      return action;
    });
    return h("div", { class: "nowp-actions" }, ...actions);
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

  /** @param {{tags: string[]}} marked */
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
      await this.ctx.wire.ask("tag", { spots: pairsOf([this.view.spot]), tag, on });
      this.tagField.value = "";
      await this.view.renew();
      this.tagField.focus();
    });
  }

  // Family

  /** @param {Spot[]} spots those without an output stand for all of a generation, and show its first picture */
  createFamily(spots) {
    this.view.gallery.rows.wantThumbs(spots.filter((spot) => !this.thumbOf(spot)));
    return this.ctx.h("div", { class: "nowp-family" }, ...spots.map((spot) => this.createRelative(spot)));
  }

  /** @param {Spot} spot */
  createRelative(spot) {
    const { h } = this.ctx;
    const ref = spot.output ? `#${keyOf(spot)}` : `#${spot.number}`;
    const open = {
      class: "nowp-relative",
      label: ref,
      "data-spot": keyOf(spot),
      onclick: () => this.view.open(spot),
    };
    return h("button", open, this.createThumb(spot), h("span", { text: ref }));
  }

  /** @param {Spot} spot */
  thumbOf(spot) {
    return this.view.gallery.rows.thumbs.get(keyOf(spot));
  }

  /** @param {Spot} spot */
  createThumb(spot) {
    const src = this.thumbOf(spot);
    return this.ctx.h("img", { alt: "", src, hidden: !src });
  }
}

/**
 * What was made of a picture, or of all of its generation.
 * @param {Detail} shown @param {number} output @returns {Spot[]}
 */
function childrenOf({ children }, output) {
  const own = children.filter(([, of]) => !output || !of.length || of.includes(0) || of.includes(output));
  return own.map(([number]) => ({ number, output: 0 }));
}
