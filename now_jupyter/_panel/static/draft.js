import { fill, later } from "./dom.js";
import { suggesting, pairsField } from "./fields.js";
import { Asked } from "./wire.js";

/**
 * The form: what is typed is the draft, which all views share; recalling keeps the draft before for "undo".
 * @param {any} ctx
 */
export function draftForm(ctx) {
  const { h, t, model, wire, signal } = ctx;
  let draft = { ...empty(), ...model.get("draft") };
  /** @type {any[]} */
  const before = [];
  let ordering = false;
  let parentRef = "…";

  const prompt = h("textarea", {
    ...{ class: "nowp-prompt", "aria-label": t("prompt"), placeholder: t("promptHint"), rows: 4, maxlength: LONGEST_PROMPT },
    oninput: () => change({ prompt: prompt.value }),
    onkeydown: (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) { event.preventDefault(); generate(); }
    },
  });
  const origin = h("div", { class: "nowp-origin", hidden: true });
  const fields = {
    model: suggesting(ctx, { label: t("model"), onchange: (value) => change({ model: value.trim() }) }),
    ...Object.fromEntries(
      ["size", "quality", "n", "style", "background", "format", "compression", "seed", "negative"].map((name) => [
        name,
        suggesting(ctx, { label: t(name), placeholder: t("automatic"), numeric: NUMERIC.has(name), onchange: (value) => option(name, value) }),
      ]),
    ),
  };
  const pairs = pairsField(ctx, (params) => change({ params }));
  const more = h("details", { class: "nowp-more" },
    h("summary", { text: t("more") }),
    h("div", { class: "nowp-grid" }, ...MORE.map((name) => fields[name].el), pairs.el));
  fields.model.el.classList.add("nowp-wide");
  fields.negative.el.classList.add("nowp-wide");
  const price = h("span", { class: "nowp-price" });
  const goLabel = h("span", { text: t("generate") });
  const go = h("button", { class: "nowp-go", onclick: (event) => { if (event.detail < 2) generate(); }, title: t("shortcut") }, goLabel, price);
  const undo = h("button", { class: "nowp-round", label: t("undoDraft"), hidden: true, onclick: () => back() }, ctx.icon("undo"));
  const file = h("input", { type: "file", accept: "image/*", class: "nowp-unseen", tabindex: "-1", "aria-hidden": "true", onchange: () => { recall(file.files[0]); file.value = ""; } });
  const notes = h("div", { class: "nowp-notes", role: "status" });
  const trouble = h("div", { class: "nowp-trouble" });
  const el = h("section", { class: "nowp-draft", "aria-label": t("draft") },
    h("div", { class: "nowp-sheet" }, prompt, origin),
    h("div", { class: "nowp-grid" }, fields.model.el, fields.size.el, fields.quality.el, fields.n.el),
    more,
    h("div", { class: "nowp-bar nowp-main" },
      go,
      undo,
      h("button", { class: "nowp-round", label: t("copyCell"), onclick: copy }, ctx.icon("copy")),
      h("button", { class: "nowp-round", label: t("open"), onclick: () => file.click() }, ctx.icon("file")),
      file),
    notes, trouble);

  const save = later(signal, 250, () => { model.set("draft", draft); model.save_changes(); });
  const quote = later(signal, 200, () => askQuote());

  function option(name, value) {
    const options = { ...draft.options };
    if (value.trim()) options[name] = value; else delete options[name];
    change({ options });
  }
  function change(part) {
    draft = { ...draft, ...part };
    save();
    quote();
  }
  function show() {
    if (prompt.value !== draft.prompt) prompt.value = draft.prompt;
    fields.model.value = draft.model;
    for (const [name, field] of Object.entries(fields)) if (name !== "model") field.value = draft.options[name] ?? "";
    pairs.set(draft.params);
    if (draft.params.length || MORE.some((name) => draft.options[name])) more.open = true;
    undo.hidden = !before.length;
    fill(origin, ...(draft.parent ? [h("span", { text: t("from", { ref: parentRef }) }), h("button", { class: "nowp-quiet", label: t("forget"), onclick: () => { change({ parent: "" }); show(); prompt.focus(); } }, ctx.icon("close"))] : []));
    origin.hidden = !draft.parent;
  }
  /** Take over another draft; the one before comes back with "undo". */
  function use(other) {
    before.push(draft);
    if (before.length > 50) before.shift();
    change({ ...empty(), ...other });
    show();
  }
  function back() {
    if (!before.length) return;
    change(before.pop());
    show();
    prompt.focus();
  }

  async function askQuote() {
    const asked = draft;
    try {
      const answer = await wire.ask("quote", { draft });
      if (asked !== draft) return;
      price.textContent = answer.price;
      if (answer.parent !== parentRef) { parentRef = answer.parent; show(); }
      fields.model.placeholder = `${answer.model} · ${t("automatic")}`;
      for (const [name, control] of Object.entries(answer.controls)) {
        fields[name]?.suggest(control.values.map((value) => ({ name: value })));
        fields[name]?.applies(control.why);
      }
      fill(notes, ...answer.notes.map((note) => h("p", { text: note })));
    } catch (error) {
      if (asked === draft) fill(notes, ...(error.lines ?? []).slice(0, 1).map((line) => h("p", { text: line })));
    }
  }
  async function generate(agreed = []) {
    if (ordering) return;
    ordering = true;
    go.setAttribute("aria-disabled", "true");
    goLabel.textContent = t("ordering");
    fill(trouble);
    try {
      await wire.ask("generate", { draft, at: Date.now(), agreed });
      ctx.announce(t("ordered"));
    } catch (error) {
      if (error instanceof Asked) question(error);
      else fill(trouble, ctx.errorCard(error.lines, () => { fill(trouble); prompt.focus(); }));
    } finally {
      ordering = false;
      go.removeAttribute("aria-disabled");
      goLabel.textContent = t("generate");
    }
  }
  /** The user's word is needed: "Not now" and Escape go back to where one was. */
  function question({ lines, agree }) {
    const from = el.contains(el.getRootNode().activeElement) ? el.getRootNode().activeElement : prompt;
    const leave = () => { fill(trouble); from.focus(); };
    const no = h("button", { class: "nowp-plain", text: t("notNow"), onclick: leave });
    const yes = h("button", { class: "nowp-plain", text: t("orderAgain"), onclick: () => generate(agree) });
    fill(trouble, h("div", { class: "nowp-error nowp-ask", role: "alertdialog", "aria-label": lines[0], onkeydown: (event) => { if (event.key === "Escape") { event.stopPropagation(); leave(); } } }, ...lines.map((line) => h("p", { text: line })), h("div", { class: "nowp-bar" }, no, yes)));
    no.focus();
  }
  async function copy() {
    await ctx.attempt(async () => ctx.copyCell((await wire.ask("cell", { draft })).cell));
  }
  /** @param {File | undefined} picture */
  async function recall(picture) {
    if (!picture) return;
    await ctx.attempt(async () => {
      const bytes = await picture.arrayBuffer();
      use((await wire.ask("drop", {}, [bytes])).draft);
      ctx.toast(t("recalled"));
    });
  }

  wire.watch("change:draft", () => {
    const theirs = model.get("draft");
    if (JSON.stringify(sorted(theirs)) === JSON.stringify(sorted(draft))) return;
    if (theirs.prompt !== draft.prompt && theirs.parent && theirs.parent !== draft.parent) before.push(draft);
    draft = { ...empty(), ...theirs };
    show();
    quote();
  });
  function relayIs() {
    const relay = model.get("relay");
    fields.model.suggest((relay.models ?? []).map(({ name, price: note }) => ({ name, note })));
    quote();
  }
  wire.watch("change:relay", relayIs);
  show();
  relayIs();
  return { el, use, recall, get draft() { return draft; } };
}

const LONGEST_PROMPT = 65_536;
const MORE = ["style", "background", "format", "compression", "seed", "negative"];
const NUMERIC = new Set(["n", "compression", "seed"]);

function empty() {
  return { prompt: "", model: "", service: "", options: {}, params: [], parent: "" };
}

/** @param {any} one */
function sorted(one) {
  return [one.prompt, one.model, one.service, Object.entries(one.options ?? {}).sort(), one.params, one.parent];
}
