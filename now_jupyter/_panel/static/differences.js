/** @import { Context } from "./context.js" */
/** @import { Differences, Run } from "./types.d.ts" */

/**
 * What differs between pictures: a table of parameters, and their prompts.
 * @param {Context} ctx @param {string[]} refs @param {Differences} differences
 */
export function createDifferences(ctx, refs, { params, words }) {
  const { h, t } = ctx;
  const rows = params.filter((row) => !row.same);
  const isWordy = words.some((runs) => runs.some(([kind]) => kind !== "same"));
  const prompts = isWordy
    ? words.map((runs, index) => createPrompt(ctx, refs[index], runs))
    : [h("p", { class: "nowp-words", text: words[0].map(([, text]) => text).join("") })];
  return [
    rows.length ? createTable(ctx, refs, rows) : null,
    ...prompts,
    rows.length || isWordy ? null : h("p", { class: "nowp-note", text: t("same") }),
  ];
}

/** @param {Context} ctx @param {string[]} refs @param {Differences["params"]} rows */
function createTable({ h, t }, refs, rows) {
  const heads = refs.map((text) => h("th", { scope: "col", text }));
  const lines = rows.map(({ name, values }) => {
    const cells = values.map((value) => h("td", { text: value || "–" }));
    return h("tr", {}, h("th", { scope: "row", text: name }), ...cells);
  });
  return h(
    "table",
    { class: "nowp-table" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col", text: t("parameters") }), ...heads)),
    h("tbody", {}, ...lines),
  );
}

/** @param {Context} ctx @param {string} ref @param {Run[]} runs */
function createPrompt(ctx, ref, runs) {
  const { h } = ctx;
  const words = h("p", { class: "nowp-words" }, ...runs.map((run) => createRun(ctx, run)));
  return h("div", { class: "nowp-version" }, h("h4", { text: ref }), words);
}

/** Mark what went or came by more than its colour. @param {Context} ctx @param {Run} run */
function createRun({ h, t }, [kind, text]) {
  if (kind === "same") return document.createTextNode(text);
  const isGone = kind === "gone";
  const told = h("span", { class: "nowp-unseen", text: ` ${t(isGone ? "taken" : "added")}: ` });
  return h(isGone ? "del" : "ins", {}, told, h("span", { text }));
}
