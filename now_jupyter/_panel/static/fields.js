import { fill } from "./dom.js";

/**
 * Fields of the form: a label above, suggestions where values are known, and a line that says why one does not apply.
 */

/**
 * A text field with suggestions; any other text may be typed as well.
 * @param {any} ctx
 * @param {{label: string, placeholder?: string, numeric?: boolean, onchange: (value: string) => void}} options
 */
export function suggesting(ctx, { label, placeholder = "", numeric = false, onchange }) {
  const { h } = ctx;
  /** @type {{name: string, note?: string}[]} */
  let known = [];
  let typed = false;
  const list = h("ul", { class: "nowp-options", role: "listbox", "aria-label": label, id: ctx.unique("list"), hidden: true });
  const input = h("input", {
    ...{ class: "nowp-input", role: "combobox", "aria-label": label, "aria-autocomplete": "list", placeholder },
    ...{ "aria-expanded": "false", "aria-controls": list.id, autocomplete: "off", spellcheck: "false" },
    ...{ inputmode: numeric ? "numeric" : undefined },
    oninput: () => { typed = true; onchange(input.value); show(); },
    onfocus: () => { typed = false; input.select(); },
    onclick: () => show(),
    onblur: () => hide(),
    onkeydown: (event) => key(event),
  });
  const why = h("span", { class: "nowp-why", id: ctx.unique("why"), hidden: true });
  const el = h("div", { class: "nowp-field" }, h("span", { class: "nowp-label", "aria-hidden": "true", text: label }), input, list, why);
  let at = -1;

  function fitting() {
    const words = typed ? input.value.trim().toLowerCase() : "";
    return known.filter((one) => one.name.toLowerCase().includes(words)).slice(0, 60);
  }
  function show() {
    const options = fitting();
    at = -1;
    fill(list, ...options.map(option));
    list.hidden = !options.length || input.disabled;
    input.setAttribute("aria-expanded", String(!list.hidden));
    input.removeAttribute("aria-activedescendant");
  }
  function option({ name, note }) {
    return h(
      "li",
      {
        ...{ class: `nowp-option ${name === input.value ? "nowp-now" : ""}`, role: "option", id: ctx.unique("option"), "aria-selected": "false" },
        onpointerdown: (event) => { event.preventDefault(); take(name); },
      },
      h("span", { text: name }),
      note ? h("span", { class: "nowp-note", text: note }) : null,
    );
  }
  function hide() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }
  function take(name) {
    input.value = name;
    typed = false;
    hide();
    onchange(name);
  }
  function move(step) {
    if (list.hidden) { show(); }
    const options = /** @type {HTMLElement[]} */ ([...list.children]);
    if (!options.length) return;
    at = (at + step + options.length) % options.length;
    options.forEach((one, index) => { one.classList.toggle("nowp-at", index === at); one.setAttribute("aria-selected", String(index === at)); });
    options[at].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", options[at].id);
  }
  function key(event) {
    if (event.isComposing) return; // Enter and arrows belong to the input method
    if (event.key === "ArrowDown") move(1);
    else if (event.key === "ArrowUp") move(-1);
    else if (event.key === "Enter" && !list.hidden && at >= 0 && !event.ctrlKey && !event.metaKey) take(list.children[at].firstChild.textContent);
    else if (event.key === "Escape" && !list.hidden) { hide(); event.stopPropagation(); }
    else return;
    event.preventDefault();
  }
  return {
    el,
    get value() { return input.value; },
    set value(text) { if (input.value !== text) input.value = text; },
    set placeholder(text) { input.placeholder = text; },
    /** @param {{name: string, note?: string}[]} values */
    suggest(values) { known = values; if (!list.hidden) show(); },
    /** @param {string} reason */
    applies(reason) {
      input.disabled = Boolean(reason) && !input.value;
      why.textContent = reason;
      why.hidden = !reason;
      if (reason) input.setAttribute("aria-describedby", why.id);
      else input.removeAttribute("aria-describedby");
      el.classList.toggle("nowp-idle", Boolean(reason));
    },
  };
}

/**
 * Any number of names with values.
 * @param {any} ctx @param {(pairs: [string, string][]) => void} onchange
 */
export function pairsField(ctx, onchange) {
  const { h, t } = ctx;
  const rows = h("div", { class: "nowp-pairs" });
  const add = h("button", { class: "nowp-quiet", text: `+ ${t("add")}`, onclick: () => { append("", ""); rows.lastChild.querySelector("input").focus(); } });
  const el = h("div", { class: "nowp-field nowp-wide", role: "group", "aria-label": t("others") }, h("span", { class: "nowp-label", text: t("others") }), rows, add);

  function append(key, value) {
    const name = h("input", { class: "nowp-input", "aria-label": t("key"), placeholder: t("key"), oninput: told, spellcheck: "false" });
    const text = h("input", { class: "nowp-input", "aria-label": t("value"), placeholder: t("value"), oninput: told, spellcheck: "false" });
    name.value = key;
    text.value = value;
    const away = h("button", { class: "nowp-round", label: `${t("remove")} ${key}`.trim(), onclick: () => { row.remove(); told(); add.focus(); } }, ctx.icon("close"));
    const row = h("div", { class: "nowp-pair" }, name, text, away);
    rows.append(row);
  }
  function pairs() {
    return [...rows.children].map((row) => [...row.querySelectorAll("input")].map((one) => one.value));
  }
  function told() {
    onchange(/** @type {any} */ (pairs()));
  }
  return {
    el,
    /** @param {[string, string][]} given */
    set(given) {
      const filled = (list) => JSON.stringify(list.filter(([key, value]) => key || value));
      if (filled(given) === filled(pairs())) return; // a row that was just added and is still empty stays
      fill(rows);
      given.forEach(([key, value]) => append(key, value));
    },
  };
}
