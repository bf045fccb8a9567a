import { fill, icon } from "./dom.js";

/** @import { Context } from "./context.js" */
/** @import { Draft, Preset, Presets } from "./types.d.ts" */

const LONGEST_NAME = 60;
const LONGEST_FRAGMENT = 8000;

/** Prompt fragments and settings under names: put into the form, saved from it, renamed, deleted. */
export class PresetList {
  /** @param {Context} ctx @param {{draft: () => Draft, use: (draft: Draft) => void}} given */
  constructor(ctx, { draft, use }) {
    const { h, t } = ctx;
    this.ctx = ctx;
    this.draft = draft;
    this.use = use;
    this.rows = h("ul", { class: "nowp-presets" });
    const field = (/** @type {string} */ label, /** @type {number} */ maxlength) =>
      h("input", {
        class: "nowp-input",
        "aria-label": t(label),
        placeholder: t(label),
        maxlength,
        spellcheck: "false",
        onkeydown,
      });
    const onkeydown = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      this.save();
    };
    this.name = field("presetName", LONGEST_NAME);
    this.fragment = field("fragment", LONGEST_FRAGMENT);
    const save = { class: "nowp-plain", text: t("savePreset"), title: t("savePresetWhy"), onclick: () => this.save() };
    const form = h("div", { class: "nowp-preset-new" }, this.name, h("button", save), this.fragment);
    const ontoggle = () => this.el.open && this.load();
    this.el = h("details", { class: "nowp-fold", ontoggle }, h("summary", { text: t("presets") }), this.rows, form);
  }

  async load() {
    this.show(await this.ctx.attempt(() => this.ctx.wire.ask("presets", {})));
  }

  /** @param {Presets | undefined} answer */
  show(answer) {
    if (!answer) return;
    const { h, t } = this.ctx;
    const none = h("li", { class: "nowp-note", text: t("noPresets") });
    fill(this.rows, ...(answer.presets.length ? answer.presets.map((one) => this.createRow(one)) : [none]));
  }

  /** @param {Preset} preset */
  createRow({ name, draft }) {
    const { h, t } = this.ctx;
    const words = [draft.prompt, draft.model, ...Object.values(draft.options)].filter(Boolean).join(" · ");
    const apply = { class: "nowp-quiet nowp-preset", title: words, "aria-label": t("applyPreset", { name }) };
    const away = () => this.change(() => this.ctx.wire.ask("unpreset", { name }));
    const row = h(
      "li",
      {},
      h(
        "button",
        { ...apply, onclick: () => this.apply(name, draft) },
        h("span", { text: name }),
        h("span", { class: "nowp-note", text: words }),
      ),
      h(
        "button",
        { class: "nowp-bare", label: t("renamePreset", { name }), onclick: () => this.rename(row, name) },
        icon("pencil"),
      ),
      h("button", { class: "nowp-bare", label: t("deletePreset", { name }), onclick: away }, icon("trash")),
    );
    return row;
  }

  /** Put a preset into the form; what it does not say stays. @param {string} name @param {Draft} preset */
  apply(name, preset) {
    const { prompt, model, service, options, params, ...rest } = this.draft();
    const kept = params.filter(([key]) => !preset.params.some(([other]) => other === key));
    const named = preset.model ? { model: preset.model, service: preset.service } : { model, service };
    const together = { options: { ...options, ...preset.options }, params: [...kept, ...preset.params] };
    this.use({ ...rest, ...named, ...together, prompt: joinPrompts(prompt, preset.prompt) });
    this.ctx.announce(this.ctx.t("presetApplied", { name }));
  }

  /** Save the settings of the form, with the fragment that was typed. */
  async save() {
    const draft = { ...this.draft(), prompt: this.fragment.value, inputs: [], parent: "" };
    const name = this.name.value.trim();
    if (!name) {
      this.name.focus();
      return;
    }
    await this.change(async () => {
      const answer = await this.ctx.wire.ask("preset", { name, draft });
      this.name.value = "";
      this.fragment.value = "";
      return answer;
    });
    this.name.focus();
  }

  /** @param {HTMLElement} row @param {string} name */
  rename(row, name) {
    const { h, t } = this.ctx;
    const onkeydown = (/** @type {KeyboardEvent} */ event) => {
      if (event.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return;
      event.preventDefault();
      event.stopPropagation();
      const to = event.key === "Enter" ? field.value.trim() : name;
      if (to === name) this.load();
      else this.change(() => this.ctx.wire.ask("rename", { name, to }));
    };
    const label = t("renamePreset", { name });
    const field = h("input", { class: "nowp-input", "aria-label": label, maxlength: LONGEST_NAME, onkeydown });
    field.value = name;
    fill(row, field);
    field.select();
    field.focus();
  }

  /** @param {() => Promise<Presets>} work */
  async change(work) {
    this.show(await this.ctx.attempt(work));
  }
}

/** Put a prompt and a fragment together, as cells do. @param {string} prompt @param {string} fragment */
function joinPrompts(prompt, fragment) {
  if (fragment.includes("{prompt}")) return fragment.replaceAll("{prompt}", () => prompt);
  if (!fragment.trim() || prompt.includes(fragment)) return prompt;
  return prompt.trim() ? `${prompt.trimEnd()}, ${fragment}` : fragment;
}
