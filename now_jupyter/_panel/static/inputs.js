import { fill, icon } from "./dom.js";
import { Addresses } from "./wire.js";

/** @import { Context } from "./context.js" */
/** @import { MaskDialog } from "./masking.js" */
/** @import { Given, GivenRole, Recipe, Takes } from "./types.d.ts" */

const MOST_GIVEN = 20;
const LONGEST_FILE_NAME = 100;
const MOST_KEPT = 60;
const MOST_NAMED = 4;
/** @type {GivenRole[]} */
const ROLES = ["picture", "mask", "vary"];

/** What is given to the order beside the prompt: pictures in their order, a mask, a picture to vary. */
export class InputList {
  /**
   * @param {Context} ctx
   * @param {{
   *   dialog: MaskDialog, change: (inputs: Given[]) => void,
   *   keep: (on: boolean) => void, recall: (recipe: Recipe) => void
   * }} given
   */
  constructor(ctx, { dialog, change, keep, recall }) {
    const { h, t } = ctx;
    this.ctx = ctx;
    this.dialog = dialog;
    this.change = change;
    this.recall = recall;
    /** @type {Given[]} */
    this.inputs = [];
    /** @type {Takes} */
    this.takes = {};
    this.model = "";
    this.isKnown = true;
    /** @type {Addresses<string>} */
    this.thumbs = new Addresses(ctx.signal, MOST_KEPT);
    /** @type {Map<string, {width: number, height: number}>} */
    this.sizes = new Map();
    this.cards = h("ol", { class: "nowp-cards" });
    this.why = h("p", { class: "nowp-why", role: "status" });
    this.file = this.createFileInput();
    this.keeps = h("input", { type: "checkbox", onchange: () => keep(this.keeps.checked) });
    const words = h("span", { text: t("keepOutside") });
    this.keep = h("label", { class: "nowp-keep", title: t("keepOutsideWhy") }, this.keeps, words);
    const add = { class: "nowp-quiet nowp-add-input", onclick: () => this.file.click() };
    this.add = h("button", add, icon("picture"), h("span", { text: t("addInput") }));
    this.el = h(
      "div",
      { class: "nowp-inputs", role: "group", "aria-label": t("inputs") },
      this.cards,
      this.keep,
      this.add,
      this.file,
      this.why,
    );
  }

  /** The unseen field behind the button that attaches files. */
  createFileInput() {
    const onchange = async () => {
      for (const one of [...(input.files ?? [])]) await this.attach(one);
      input.value = "";
    };
    const unseen = { class: "nowp-unseen", tabindex: "-1", "aria-hidden": "true" };
    const input = this.ctx.h("input", { type: "file", accept: "image/*", multiple: true, ...unseen, onchange });
    return input;
  }

  /** @param {Given[]} inputs @param {boolean} keepsOutside */
  show(inputs, keepsOutside = this.keeps.checked) {
    this.inputs = inputs;
    this.keeps.checked = keepsOutside;
    this.keep.hidden = !inputs.some(({ role }) => role === "mask");
    fill(this.cards, ...inputs.map((one, index) => this.createCard(one, index)));
    this.tell();
  }

  /**
   * What the model takes, by role; of one that is not known it is a guess.
   * @param {Takes} takes @param {string} model @param {boolean} isKnown
   */
  setTakes(takes, model, isKnown = true) {
    const isSame = JSON.stringify(takes) === JSON.stringify(this.takes);
    this.isKnown = isKnown;
    this.takes = takes;
    this.model = model;
    if (isSame) this.tell();
    else this.show(this.inputs);
  }

  /** Show what can be done, and why something cannot. */
  tell() {
    const { t } = this.ctx;
    const over = this.model ? ROLES.filter((role) => this.count(role) > (this.takes[role] ?? 0)) : []; // no quote yet
    const reasons = over.map((role) => this.reason(role));
    const lacks = this.count("mask") && !this.count("picture") ? [t("maskAlone")] : [];
    this.why.textContent = [...reasons, ...lacks].join(" ");
    this.why.hidden = !this.why.textContent;
    this.add.hidden = !(this.takes.picture || this.takes.vary) && !this.inputs.length;
    this.el.hidden = this.add.hidden;
  }

  /** Why the model does not take so many, and which of this relay do take one. @param {GivenRole} role */
  reason(role) {
    const { t } = this.ctx;
    const most = this.takes[role] ?? 0;
    if (!most) return this.explain(role, this.model, this.isKnown);
    return t("tooManyInputs", { model: this.model, count: most, role: t(`role.${role}`) });
  }

  /**
   * Why a model takes none of a role, and which of this relay do.
   * @param {GivenRole} role @param {string} model @param {boolean} isKnown
   */
  explain(role, model, isKnown = true) {
    const { t } = this.ctx;
    const able = this.able(role);
    const words = isKnown ? t("takesNone", { model, role: t(`role.${role}`) }) : t("unknownModel", { model });
    return able.length ? `${words} ${t("theseDo", { models: able.join(", ") })}` : words;
  }

  /** Some models of this relay that take a role. @param {GivenRole} role */
  able(role) {
    const { models = [] } = this.ctx.model.get("relay");
    return models
      .filter(({ takes }) => takes.split(" ").includes(role))
      .map(({ name }) => name)
      .slice(0, MOST_NAMED);
  }

  /** @param {GivenRole} role */
  count(role) {
    return this.inputs.filter((one) => one.role === role).length;
  }

  /** @param {Given} one @param {number} index */
  createCard(one, index) {
    const { h, t } = this.ctx;
    const name = one.ref || one.name || (one.role === "mask" ? t("role.mask") : one.sha256.slice(0, 6));
    const label = t("inputNumber", { number: index + 1, name });
    const image = h("img", { alt: "", class: "nowp-input-thumb", "data-key": one.sha256 });
    this.fillThumb(one, image);
    const isPainted =
      one.role === "picture" && this.inputs.findIndex(({ role }) => role === "picture") === index && this.takes.mask;
    const paint = { class: "nowp-input-open", label: t("paintMask", { name }), onclick: () => this.paint() };
    const still = h("span", { class: "nowp-input-open" }, image);
    const buttons = [
      index ? this.createButton("left", t("earlier", { name }), () => this.move(index, -1)) : null,
      index < this.inputs.length - 1
        ? this.createButton("right", t("later", { name }), () => this.move(index, 1))
        : null,
      this.createButton("close", `${t("remove")} ${name}`, () => this.drop(index)),
    ];
    return h(
      "li",
      { class: "nowp-card", "aria-label": label, "data-role": one.role },
      isPainted ? h("button", paint, image, icon("mask")) : still,
      h("span", { class: "nowp-ordinal", "aria-hidden": "true", text: String(index + 1) }),
      h(
        "div",
        { class: "nowp-card-text" },
        h("span", { class: "nowp-card-name", text: name, title: name }),
        this.createRole(one, index),
      ),
      h("div", { class: "nowp-card-buttons" }, ...buttons),
    );
  }

  /** @param {Parameters<typeof icon>[0]} name @param {string} label @param {() => void} onclick */
  createButton(name, label, onclick) {
    return this.ctx.h("button", { class: "nowp-bare", label, onclick }, icon(name));
  }

  /** @param {Given} one @param {number} index */
  createRole(one, index) {
    const { h, t } = this.ctx;
    const roles = ROLES.filter((role) => role === one.role || this.takes[role]);
    if (roles.length === 1) return h("span", { class: "nowp-note", text: t(`role.${one.role}`) });
    const options = roles.map((role) => h("option", { value: role, text: t(`role.${role}`) }));
    const take = () =>
      this.put(
        this.inputs.map((other, at) =>
          at === index ? { ...one, role: /** @type {GivenRole} */ (field.value) } : other,
        ),
      );
    const field = h("select", { class: "nowp-role", "aria-label": t("role"), onchange: take }, ...options);
    field.value = one.role;
    return field;
  }

  /** @param {Given} one @param {HTMLImageElement} image */
  async fillThumb(one, image) {
    const key = one.sha256 + one.role;
    const known = this.thumbs.get(key);
    if (known) {
      image.src = known;
      return;
    }
    const answer = await this.ctx.attempt(() => this.ctx.wire.ask("input", { input: one }));
    if (!answer) return;
    image.src = this.thumbs.get(key) ?? this.thumbs.put(key, answer.buffers[0], answer.mime);
    image.title = `${answer.width} × ${answer.height}`;
  }

  // Changing

  /** @param {Given[]} inputs */
  put(inputs) {
    this.show(inputs);
    this.change(inputs);
  }

  /** @param {number} index @param {number} by */
  move(index, by) {
    const inputs = [...this.inputs];
    inputs.splice(index + by, 0, ...inputs.splice(index, 1));
    this.put(inputs);
    const buttons = this.cards.children[index + by].querySelectorAll("button");
    buttons[by < 0 ? 0 : buttons.length - 2]?.focus();
  }

  /** @param {number} index */
  drop(index) {
    const isFirst = this.inputs[index].role === "picture" && this.count("picture") === 1;
    this.put(this.inputs.filter((one, at) => at !== index && !(isFirst && one.role === "mask")));
    (this.cards.querySelector("button") ?? this.add).focus();
  }

  /** Take a picture in as well. @param {Given} one */
  append(one) {
    if (this.inputs.length < MOST_GIVEN) this.put([...this.inputs, one]);
  }

  /**
   * Attach a file, and offer to recall how it was made where that is known.
   * @param {File} file @param {string} name what it is called in the form
   */
  async attach(file, name = file.name) {
    const { ctx } = this;
    await ctx.attempt(async () => {
      const { input, recall } = await ctx.wire.ask("attach", {}, [await file.arrayBuffer()]);
      this.append({ ...input, name: input.ref ? "" : plainName(name) });
      if (recall) ctx.toast(ctx.t("attached"), ctx.t("recallInstead"), () => this.recall(recall));
      else ctx.announce(ctx.t("attached"));
    });
  }

  /** Paint the mask over the first picture. */
  async paint() {
    const picture = this.inputs.find(({ role }) => role === "picture");
    if (!picture) return;
    const mask = this.inputs.find(({ role }) => role === "mask");
    await this.dialog.open(picture, mask, (made) => {
      const others = this.inputs.filter(({ role }) => role !== "mask");
      this.put(made ? [...others, made] : others);
    });
  }
}

/** Take pictures that are pasted or dropped anywhere on the panel. @param {Context} ctx @param {InputList} list */
export function takeFiles({ root, signal, t }, list) {
  const handle = (/** @type {DragEvent} */ event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.stopPropagation();
    root.classList.toggle("nowp-dropping", event.type === "dragover");
    if (event.type === "drop") attachAll(event.dataTransfer.files, list);
  };
  root.addEventListener("dragover", handle, { signal });
  root.addEventListener("dragleave", handle, { signal });
  root.addEventListener("drop", handle, { signal });
  const paste = (/** @type {ClipboardEvent} */ event) => {
    const files = [...(event.clipboardData?.files ?? [])].filter(({ type }) => type.startsWith("image/"));
    if (!files.length) return;
    event.preventDefault();
    event.stopPropagation();
    attachAll(files, list, t("pasted")); // the browser's own name says nothing
  };
  root.addEventListener("paste", paste, { signal });
  root.tabIndex = -1; // a click between the fields lets what is pasted come here
}

/**
 * One after another, so that they stand in their order.
 * @param {Iterable<File>} files @param {InputList} list @param {string} [name]
 */
async function attachAll(files, list, name) {
  for (const file of [...files]) await list.attach(file, name);
}

/** A file's name as the draft may hold it. @param {string} name */
function plainName(name) {
  const plain = name.replace(/[\n\r\0]|\p{Surrogate}/gu, " ");
  return [...plain].slice(0, LONGEST_FILE_NAME).join("");
}
