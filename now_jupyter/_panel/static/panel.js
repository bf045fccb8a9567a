import { Comparison } from "./compare.js";
import { Context } from "./context.js";
import { fill } from "./dom.js";
import { DraftForm } from "./draft.js";
import { Gallery } from "./gallery.js";
import { takeFiles } from "./inputs.js";
import { JobList } from "./jobs.js";
import { renderMask } from "./masking.js";
import { FullView } from "./picture.js";
import { fillRoom } from "./room.js";

/** @import { Model, Spot } from "./types.d.ts" */

/** @param {Context} ctx */
function renderPanel(ctx) {
  const { h, t, wire, root } = ctx;
  const form = new DraftForm(ctx);
  const gallery = new Gallery(ctx, form, {
    open: (spot, part) => view.open(spot, part),
    compare: (spots) => comparison.open(spots.map(describe)),
    updateRow: (row) => view.updateRow(row),
    updateThumb: (spot) => view.updateThumb(spot),
    leave: (number) => view.leave(number),
  });
  const describe = (/** @type {Spot} */ spot) => ({
    ...{ ...spot, ref: gallery.rows.ref(spot), starred: gallery.rows.isStarred(spot) },
    alt: gallery.rows.get(spot.number)?.prompt ?? "",
  });
  const view = new FullView(ctx, gallery, form);
  const comparison = new Comparison(ctx, (winner) => gallery.goBack(winner));
  const jobs = new JobList(ctx, (number, address) => gallery.showPartial(number, address));
  const purse = h("div", { class: "nowp-purse" });
  const make = h("div", { class: "nowp-make" }, form.el, jobs.el, purse);
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", t("panel"));
  root.append(h("div", { class: "nowp-body" }, make, gallery.el), view.el, comparison.el, form.dialog.el);
  wire.watch("change:relay", () => showPurse(ctx, purse));
  showPurse(ctx, purse);
  ctx.home = () => gallery.focus();
  takeFiles(ctx, form.inputs);
  fillRoom(ctx);
  gallery.find();
}

/** Say what is left, and what the relay said instead of an answer. @param {Context} ctx @param {HTMLElement} purse */
function showPurse(ctx, purse) {
  const { h, t, model } = ctx;
  const { demo, left, budget, lines = [] } = model.get("relay");
  const words = demo ? [t("demo")] : [left ? t("left", { amount: left }) : "", budget ?? ""].filter(Boolean);
  fill(purse, ...words.map((text) => h("p", { text })), lines.length ? ctx.createErrorCard(lines) : null);
}

/** @param {Context} ctx */
function renderComparison(ctx) {
  const comparison = new Comparison(ctx);
  ctx.root.classList.add("nowp-lone");
  ctx.root.append(comparison.el);
  ctx.home = () => comparison.el.focus();
  comparison.open(ctx.model.get("pictures"));
}

/** @param {{model: Model, el: HTMLElement}} given */
function render({ model, el }) {
  const ending = new AbortController();
  const ctx = new Context(model, el, ending.signal);
  if (model.get("mode") === "compare") renderComparison(ctx);
  else if (model.get("mode") === "mask") renderMask(ctx);
  else renderPanel(ctx);
  return () => ending.abort();
}

export default { render };
