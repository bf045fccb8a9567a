import { fill, icon } from "./dom.js";

/** @import { Context } from "./context.js" */
/** @import { Pair } from "./types.d.ts" */
/** @typedef {{name: string, note?: string}} Suggestion */

/**
 * Fields of the form: a label above, suggestions where values are known, and a line that says why one does not apply.
 */

const MOST_SUGGESTED = 60;

/** A text field with suggestions; any other text may be typed as well. */
export class Combobox {
  /**
   * @param {Context} ctx
   * @param {{label: string, placeholder?: string, numeric?: boolean, onchange: (value: string) => void}} options
   */
  constructor(ctx, { label, placeholder = "", numeric = false, onchange }) {
    const { h } = ctx;
    this.ctx = ctx;
    this.onchange = onchange;
    /** @type {Suggestion[]} */
    this.known = [];
    this.isTyped = false;
    this.at = -1;
    const id = ctx.createId("list");
    this.list = h("ul", { class: "nowp-options", role: "listbox", "aria-label": label, id, hidden: true });
    this.input = h("input", {
      ...{ class: "nowp-input", role: "combobox", "aria-label": label, "aria-autocomplete": "list", placeholder },
      ...{ "aria-expanded": "false", "aria-controls": id, autocomplete: "off", spellcheck: "false" },
      ...{ inputmode: numeric ? "numeric" : undefined },
      oninput: () => this.takeTyped(),
      onfocus: () => this.selectAll(),
      onclick: () => this.show(),
      onblur: () => this.hide(),
      onkeydown: (event) => this.handleKey(event),
    });
    this.why = h("span", { class: "nowp-why", id: ctx.createId("why"), hidden: true });
    const shown = h("span", { class: "nowp-label", "aria-hidden": "true", text: label });
    this.el = h("div", { class: "nowp-field" }, shown, this.input, this.list, this.why);
  }

  get value() {
    return this.input.value;
  }

  set value(text) {
    if (this.input.value !== text) this.input.value = text;
  }

  /** @param {Suggestion[]} values */
  suggest(values) {
    this.known = values;
    if (!this.list.hidden) this.show();
  }

  /**
   * Say why the field does not apply; it does where there is no reason. It is seen where it holds a value.
   * @param {string} reason
   */
  setReason(reason) {
    this.el.hidden = Boolean(reason) && !this.input.value;
    this.why.textContent = reason;
    this.why.hidden = !reason;
    if (reason) this.input.setAttribute("aria-describedby", this.why.id);
    else this.input.removeAttribute("aria-describedby");
    this.el.classList.toggle("nowp-idle", Boolean(reason));
  }

  takeTyped() {
    this.isTyped = true;
    this.onchange(this.input.value);
    this.show();
  }

  selectAll() {
    this.isTyped = false;
    this.input.select();
  }

  show() {
    const words = this.isTyped ? this.input.value.trim().toLowerCase() : "";
    const fitting = this.known.filter((one) => one.name.toLowerCase().includes(words)).slice(0, MOST_SUGGESTED);
    this.at = -1;
    fill(this.list, ...fitting.map((one) => this.createOption(one)));
    this.expand(fitting.length > 0);
  }

  hide() {
    this.expand(false);
  }

  /** @param {boolean} on */
  expand(on) {
    this.list.hidden = !on;
    this.input.setAttribute("aria-expanded", String(on));
    this.input.removeAttribute("aria-activedescendant");
  }

  /** @param {Suggestion} suggestion */
  createOption({ name, note }) {
    const { h } = this.ctx;
    const take = (/** @type {Event} */ event) => {
      event.preventDefault(); // the field keeps the focus
      this.take(name);
    };
    return h(
      "li",
      {
        class: `nowp-option ${name === this.input.value ? "nowp-now" : ""}`,
        ...{ role: "option", id: this.ctx.createId("option"), "aria-selected": "false", "data-value": name },
        onpointerdown: take,
      },
      h("span", { text: name }),
      note ? h("span", { class: "nowp-note", text: note }) : null,
    );
  }

  /** @param {string} name */
  take(name) {
    this.input.value = name;
    this.isTyped = false;
    this.hide();
    this.onchange(name);
  }

  /** @param {number} step */
  move(step) {
    if (this.list.hidden) this.show();
    const options = [...this.list.children];
    if (!options.length) return;
    this.at = (this.at + step + options.length) % options.length;
    options.forEach((one, index) => {
      one.classList.toggle("nowp-at", index === this.at);
      one.setAttribute("aria-selected", String(index === this.at));
    });
    options[this.at].scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", options[this.at].id);
  }

  /** @param {KeyboardEvent} event */
  handleKey(event) {
    if (event.isComposing) return; // Enter and arrows belong to the input method
    const chosen = this.list.hidden ? undefined : this.list.querySelector(".nowp-at");
    if (event.key === "ArrowDown") this.move(1);
    else if (event.key === "ArrowUp") this.move(-1);
    else if (event.key === "Enter" && chosen && !event.ctrlKey && !event.metaKey) {
      this.take(chosen.getAttribute("data-value") ?? "");
    } else if (event.key === "Escape" && !this.list.hidden) {
      this.hide();
      event.stopPropagation();
    } else return;
    event.preventDefault();
  }
}

/** Any number of names with values. */
export class PairsField {
  /** @param {Context} ctx @param {(pairs: Pair[]) => void} onchange */
  constructor(ctx, onchange) {
    const { h, t } = ctx;
    this.ctx = ctx;
    this.onchange = onchange;
    this.rows = h("div", { class: "nowp-pairs" });
    const append = () => this.append("", "").focus();
    this.add = h("button", { class: "nowp-quiet", text: `+ ${t("add")}`, onclick: append });
    this.el = h(
      "div",
      { class: "nowp-field nowp-wide", role: "group", "aria-label": t("others") },
      h("span", { class: "nowp-label", text: t("others") }),
      this.rows,
      this.add,
    );
  }

  /** Show these, unless they are there: a row that was just added and is still empty stays. @param {Pair[]} given */
  set(given) {
    /** @param {Pair[]} list */
    const filled = (list) => JSON.stringify(list.filter(([key, value]) => key || value));
    if (filled(given) === filled(this.pairs)) return;
    fill(this.rows);
    for (const [key, value] of given) this.append(key, value);
  }

  get pairs() {
    return [...this.rows.children].map((row) => {
      const [key, value] = row.querySelectorAll("input");
      return /** @type {Pair} */ ([key.value, value.value]);
    });
  }

  /** Append a row. @param {string} key @param {string} value @returns the field of its name */
  append(key, value) {
    const { h, t } = this.ctx;
    const name = this.createInput(t("key"), key);
    const remove = () => {
      row.remove();
      this.onchange(this.pairs);
      this.add.focus();
    };
    const label = `${t("remove")} ${key}`.trim();
    const away = h("button", { class: "nowp-round", label, onclick: remove }, icon("close"));
    const row = h("div", { class: "nowp-pair" }, name, this.createInput(t("value"), value), away);
    this.rows.append(row);
    return name;
  }

  /** @param {string} label @param {string} value */
  createInput(label, value) {
    const oninput = () => this.onchange(this.pairs);
    const props = { class: "nowp-input", "aria-label": label, placeholder: label, spellcheck: "false", oninput };
    const input = this.ctx.h("input", props);
    input.value = value;
    return input;
  }
}
