import { debounce, fill, icon } from "./dom.js";
import { Combobox, PairsField } from "./fields.js";
import { InputList } from "./inputs.js";
import { MaskDialog } from "./masking.js";
import { OrderButton } from "./order.js";
import { PresetList } from "./presets.js";
import { linesOf } from "./wire.js";

/** @import { Context } from "./context.js" */
/** @import { Draft, Quote, Recipe, Takes } from "./types.d.ts" */

const LONGEST_PROMPT = 65_536;
const MOST_UNDONE = 50;
const MORE_OPTIONS = ["style", "background", "format", "compression", "seed", "negative"];
const OPTIONS = ["size", "quality", "n", ...MORE_OPTIONS];
const NUMERIC = new Set(["n", "compression", "seed"]);

/** The form: what is typed is the draft, which all views share; recalling keeps the draft before for "undo". */
export class DraftForm {
  /** What the last quote says beside the price. @type {string[]} */
  remarks = [];

  /** @param {Context} ctx */
  constructor(ctx) {
    const { h, t, model, wire, signal } = ctx;
    this.ctx = ctx;
    this.draft = completeDraft(model.get("draft"));
    /** @type {Draft[]} */
    this.before = [];
    this.parentRef = "…";
    this.save = debounce(signal, 250, () => {
      model.set("draft", this.draft);
      model.save_changes();
    });
    this.quote = debounce(signal, 200, () => this.askQuote());
    this.prompt = h("textarea", {
      ...{ class: "nowp-prompt", "aria-label": t("prompt"), placeholder: t("promptHint") },
      ...{ rows: 4, maxlength: LONGEST_PROMPT },
      oninput: () => this.change({ prompt: this.prompt.value }),
      onkeydown: (event) => this.handleKey(event),
    });
    this.origin = h("div", { class: "nowp-origin", hidden: true });
    this.model = new Combobox(ctx, { label: t("model"), onchange: (value) => this.change({ model: value.trim() }) });
    this.options = Object.fromEntries(OPTIONS.map((name) => [name, this.createOption(name)]));
    this.pairs = new PairsField(ctx, (params) => this.change({ params }));
    const fields = MORE_OPTIONS.map((name) => this.options[name].el);
    const grid = h("div", { class: "nowp-grid" }, ...fields, this.pairs.el);
    this.more = h("details", { class: "nowp-more" }, h("summary", { text: t("more") }), grid);
    const undo = { class: "nowp-round", label: t("undoDraft"), hidden: true, onclick: () => this.goBack() };
    this.undo = h("button", undo, icon("undo"));
    this.notes = h("div", { class: "nowp-notes", role: "status" });
    this.dialog = new MaskDialog(ctx);
    this.dialog.onclose = () => this.prompt.focus();
    this.inputs = new InputList(ctx, {
      dialog: this.dialog,
      change: (inputs) => this.change({ inputs }),
      keep: (on) => this.setOption("keep_outside", on ? "" : "off"),
      recall: (one) => this.useRecipe(one),
    });
    this.presets = new PresetList(ctx, { draft: () => this.draft, use: (one) => this.use(one) });
    this.orderButton = new OrderButton(ctx, this);
    this.el = this.lay();
    wire.watch("change:draft", () => this.takeTheirs(model.get("draft")));
    wire.watch("change:relay", () => this.showModels());
    this.show();
    this.showModels();
  }

  /** @param {string} name */
  createOption(name) {
    const { t } = this.ctx;
    return new Combobox(this.ctx, {
      ...{ label: t(name), placeholder: t("automatic"), numeric: NUMERIC.has(name) },
      onchange: (value) => this.setOption(name, value),
    });
  }

  /** Put the parts of the form together. */
  lay() {
    const { h, t } = this.ctx;
    this.model.el.classList.add("nowp-wide");
    this.options.negative.el.classList.add("nowp-wide");
    const { size, quality, n } = this.options;
    const file = this.createFileInput();
    return h(
      "section",
      { class: "nowp-draft", "aria-label": t("draft") },
      h("div", { class: "nowp-sheet" }, this.prompt, this.inputs.el, this.origin),
      h("div", { class: "nowp-grid" }, this.model.el, size.el, quality.el, n.el),
      this.more,
      this.presets.el,
      h(
        "div",
        { class: "nowp-bar nowp-main" },
        this.orderButton.el,
        this.undo,
        h("button", { class: "nowp-round", label: t("copyCell"), onclick: () => this.copyCell() }, icon("copy")),
        h("button", { class: "nowp-round", label: t("open"), onclick: () => file.click() }, icon("file")),
        file,
      ),
      this.notes,
      this.orderButton.trouble,
    );
  }

  /** The unseen field behind the button that opens a picture file. */
  createFileInput() {
    const onchange = () => {
      this.recall(input.files?.[0]);
      input.value = "";
    };
    const unseen = { class: "nowp-unseen", tabindex: "-1", "aria-hidden": "true" };
    const input = this.ctx.h("input", { type: "file", accept: "image/*", ...unseen, onchange });
    return input;
  }

  /** @param {KeyboardEvent} event */
  handleKey(event) {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    event.preventDefault();
    this.orderButton.order();
  }

  /** @param {string} name @param {string} value */
  setOption(name, value) {
    const options = { ...this.draft.options };
    if (value.trim()) options[name] = value;
    else delete options[name];
    this.change({ options });
  }

  /** @param {Partial<Draft>} part */
  change(part) {
    this.draft = { ...this.draft, ...part };
    this.save();
    this.quote();
  }

  show() {
    const { draft, more } = this;
    if (this.prompt.value !== draft.prompt) this.prompt.value = draft.prompt;
    this.model.value = draft.model;
    for (const [name, field] of Object.entries(this.options)) field.value = draft.options[name] ?? "";
    this.pairs.set(draft.params);
    this.inputs.show(draft.inputs, draft.options.keep_outside !== "off");
    if (draft.params.length || MORE_OPTIONS.some((name) => draft.options[name])) more.open = true;
    this.undo.hidden = !this.before.length;
    this.showOrigin();
  }

  showOrigin() {
    const { h, t } = this.ctx;
    const forget = () => {
      this.change({ parent: "" });
      this.show();
      this.prompt.focus();
    };
    this.origin.hidden = !this.draft.parent;
    if (this.origin.hidden) fill(this.origin);
    else {
      const button = h("button", { class: "nowp-quiet", label: t("forget"), onclick: forget }, icon("close"));
      fill(this.origin, h("span", { text: t("from", { ref: this.parentRef }) }), button);
    }
  }

  /** Take over another draft; the one before comes back with "undo". @param {Partial<Draft>} other */
  use(other) {
    this.before.push(this.draft);
    if (this.before.length > MOST_UNDONE) this.before.shift();
    this.change(completeDraft(other));
    this.show();
  }

  goBack() {
    const before = this.before.pop();
    if (!before) return;
    this.change(before);
    this.show();
    this.prompt.focus();
  }

  /** Take over what another view or the kernel has set. @param {Draft} theirs */
  takeTheirs(theirs) {
    if (writeDraft(theirs) === writeDraft(this.draft)) return;
    const isRecalled = theirs.prompt !== this.draft.prompt && theirs.parent && theirs.parent !== this.draft.parent;
    if (isRecalled) this.before.push(this.draft);
    this.draft = completeDraft(theirs);
    this.show();
    this.quote();
  }

  async askQuote() {
    const { draft } = this;
    try {
      const quote = await this.ctx.wire.ask("quote", { draft });
      if (draft === this.draft) this.showQuote(quote);
    } catch (error) {
      if (draft !== this.draft) return;
      this.orderButton.price.textContent = "";
      for (const field of Object.values(this.options)) field.suggest([]);
      this.showNotes(linesOf(error).slice(0, 1));
    }
  }

  /** @param {Quote} quote */
  showQuote({ price, parent, model, controls, takes, known, notes }) {
    this.orderButton.price.textContent = price;
    if (parent !== this.parentRef) {
      this.parentRef = parent;
      this.show();
    }
    this.model.input.placeholder = `${model} · ${this.ctx.t("automatic")}`;
    this.inputs.setTakes(takes, model, known);
    for (const [name, { values, why, notes: beside = {} }] of Object.entries(controls)) {
      this.options[name]?.suggest(values.map((value) => ({ name: value, note: beside[value] })));
      this.options[name]?.setReason(why);
    }
    this.showNotes(notes);
  }

  /** Show remarks, but for what the error below says. @param {string[]} remarks */
  showNotes(remarks = this.remarks) {
    this.remarks = remarks;
    const unsaid = remarks.filter((one) => !this.orderButton.lines.includes(one));
    fill(this.notes, ...unsaid.map((text) => this.ctx.h("p", { text })));
  }

  showModels() {
    const { models = [] } = this.ctx.model.get("relay");
    this.model.suggest(models.map(({ name, price }) => ({ name, note: price })));
    this.quote();
  }

  /** What the model that is chosen takes. @returns {Takes} */
  get takes() {
    return this.inputs.takes;
  }

  /**
   * Take a picture of the history as the input, and paint a mask over it if that is wanted; undo brings the form back.
   * @param {{number: number, model: string, takes: Takes}} shown @param {number} output @param {boolean} paints
   */
  async edit({ number, model, takes }, output, paints) {
    const { ctx } = this;
    await ctx.attempt(async () => {
      const { input } = await ctx.wire.ask("pick", { number, output });
      const isTaken = this.takes.picture && (!paints || this.takes.mask);
      this.use({ ...this.draft, inputs: [input], parent: "", model: isTaken ? this.draft.model : model });
      if (!isTaken) this.inputs.setTakes(takes, model);
      this.prompt.focus();
      this.prompt.select();
      if (paints) await this.inputs.paint();
    });
  }

  async copyCell() {
    const { ctx, draft } = this;
    await ctx.attempt(async () => ctx.copyCell((await ctx.wire.ask("cell", { draft })).cell));
  }

  /** Fill the form from a picture file. @param {File | undefined} picture */
  async recall(picture) {
    if (!picture) return;
    const { ctx } = this;
    await ctx.attempt(async () => {
      const bytes = await picture.arrayBuffer();
      this.useRecipe(await ctx.wire.ask("drop", {}, [bytes]));
    });
  }

  /** Take over what a file says, and tell what of it could not be. @param {Recipe} recipe */
  useRecipe({ draft, notes }) {
    this.use(draft);
    this.ctx.toast([this.ctx.t("recalled"), ...notes].join("\n"));
  }
}

/** @param {Partial<Draft>} draft @returns {Draft} */
function completeDraft(draft) {
  return { prompt: "", model: "", service: "", options: {}, params: [], inputs: [], parent: "", ...draft };
}

/** Write a draft in such a way that equal ones are written alike. @param {Draft} draft */
function writeDraft({ prompt, model, service, options = {}, params, inputs = [], parent }) {
  const given = inputs.map(({ role, sha256, ref }) => [role, sha256, ref]);
  return JSON.stringify([prompt, model, service, Object.entries(options).sort(), params, given, parent]);
}
