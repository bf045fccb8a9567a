import { copyText, fill, icon, maker } from "./dom.js";
import { Wire } from "./wire.js";
import { draftForm } from "./draft.js";
import { jobList } from "./jobs.js";
import { gallery } from "./gallery.js";
import { fullView } from "./picture.js";
import { comparison } from "./compare.js";

const TOAST_MS = 8000;

/**
 * What all parts of one view share.
 * @param {any} model @param {HTMLElement} el @param {AbortSignal} signal
 */
function context(model, el, signal) {
  const h = maker(signal);
  const wire = new Wire(model, signal);
  const words = model.get("words");
  const mark = Math.random().toString(36).slice(2, 8);
  let count = 0;
  const t = (key, facts = {}) => (words[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => String(facts[name] ?? whole));
  const status = h("div", { class: "nowp-unseen", role: "status", "aria-live": "polite" });
  const toaster = h("div", { class: "nowp-toaster", role: "status" });
  const root = h("div", { class: "nowp", lang: words.language, "data-lm-suppress-shortcuts": "true" });
  let timer = 0;
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });

  const ctx = {
    h, t, wire, model, signal, icon, root,
    unique: (name) => `nowp-${mark}-${name}-${++count}`,
    announce(text) { status.textContent = text; },
    toast(text, label = "", act = () => {}) {
      clearTimeout(timer);
      const clear = () => fill(toaster);
      fill(toaster, h("div", { class: "nowp-toast" }, h("span", { text }), label ? h("button", { class: "nowp-bare nowp-undo", text: label, onclick: () => { clear(); act(); } }) : null, h("button", { class: "nowp-bare", label: t("close"), onclick: clear }, icon("close"))));
      timer = window.setTimeout(() => { if (!toaster.matches(":hover, :focus-within")) clear(); }, TOAST_MS);
    },
    errorCard(lines, dismiss) {
      return h("div", { class: "nowp-error", role: "alert" }, ...lines.map((line) => h("p", { text: line })), dismiss ? h("button", { class: "nowp-bare nowp-corner", label: t("dismiss"), onclick: dismiss }, icon("close")) : null);
    },
    /** Do something; what the kernel refuses is said. @param {() => Promise<any>} work */
    async attempt(work) {
      try {
        return await work();
      } catch (error) {
        ctx.toast((error.lines ?? [String(error)]).join("\n"));
        return undefined;
      }
    },
    async copyCell(text) {
      if (await copyText(text, root)) { ctx.toast(t("copied")); return; }
      const field = h("textarea", { class: "nowp-prompt", "aria-label": t("copyByHand"), readonly: true, rows: 4 });
      field.value = text;
      fill(toaster, h("div", { class: "nowp-toast" }, h("span", { text: t("copyByHand") }), field, h("button", { class: "nowp-bare", label: t("close"), onclick: () => fill(toaster) }, icon("close"))));
      field.select();
    },
    /** Lay something over the panel; what lies below can be neither reached nor read. @param {HTMLElement} layer */
    cover(layer) {
      for (const one of root.children) if (one !== layer && one !== status && one !== toaster && one !== kernel) one.inert = true;
      layer.inert = false;
      layer.hidden = false;
      root.classList.add("nowp-covered");
    },
    uncover(layer) {
      layer.hidden = true;
      for (const one of root.children) one.inert = false;
      root.classList.remove("nowp-covered");
    },
    thumbCame() {},
    partialCame() {},
    rowCame() {},
    leave() {},
  };
  const kernel = h("p", { class: "nowp-kernel", role: "status" });
  root.append(status, toaster, kernel);
  el.append(root);
  wire.tell = (state) => {
    root.classList.add("nowp-alive");
    root.classList.toggle("nowp-gone", state === "gone");
    const text = { silent: t("silentKernel"), gone: t("noKernel") }[state] ?? "";
    if (kernel.textContent !== text) kernel.textContent = text;
  };
  return ctx;
}

/** @param {any} ctx */
function renderPanel(ctx) {
  const { h, t, model, wire, root } = ctx;
  const full = fullView(ctx);
  const pictures = gallery(ctx, {
    open: (number, then) => full.open(number, then),
    compare: (numbers) => compared.open(numbers.map((number) => ({ number, place: 1, ref: `#${number}`, alt: pictures.row(number)?.prompt ?? "" }))),
  });
  const compared = comparison(ctx, () => pictures.back());
  const form = draftForm(ctx);
  const jobs = jobList(ctx);
  const purse = h("div", { class: "nowp-purse" });
  Object.assign(ctx, { gallery: pictures, draft: form, thumbCame: full.thumbCame, partialCame: pictures.partialCame, rowCame: full.rowCame, leave: full.leave });
  const body = h("div", { class: "nowp-body" }, h("div", { class: "nowp-make" }, form.el, jobs.el, purse), pictures.el);
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", t("panel"));
  root.append(body, full.el, compared.el);

  function money() {
    const { demo, left, budget, lines = [] } = model.get("relay") ?? {};
    const words = demo ? [t("demo")] : [left ? t("left", { amount: left }) : "", budget].filter(Boolean);
    fill(purse, ...words.map((text) => h("p", { text })), lines.length ? ctx.errorCard(lines) : null);
  }
  wire.watch("change:relay", money);
  money();
  dropping(ctx, form);
  pictures.find();
}

/** A picture file dropped anywhere on the panel is recalled. @param {any} ctx @param {any} form */
function dropping({ root, signal }, form) {
  const over = (event) => {
    if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
    event.preventDefault();
    event.stopPropagation();
    root.classList.toggle("nowp-dropping", event.type === "dragover");
    if (event.type === "drop") form.recall(event.dataTransfer.files[0]);
  };
  for (const name of ["dragover", "dragleave", "drop"]) root.addEventListener(name, over, { signal });
}

/** @param {any} ctx */
function renderComparison(ctx) {
  const { el, open } = comparison(ctx);
  ctx.root.classList.add("nowp-lone");
  ctx.root.append(el);
  open(ctx.model.get("pictures"));
}

/** @param {{model: any, el: HTMLElement}} given */
function render({ model, el }) {
  const ending = new AbortController();
  const ctx = context(model, el, ending.signal);
  if (model.get("mode") === "compare") renderComparison(ctx);
  else renderPanel(ctx);
  return () => ending.abort();
}

export default { render };
