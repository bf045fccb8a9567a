import { fill } from "./dom.js";
import { Addresses } from "./wire.js";

/**
 * Two to four pictures: with a slider, side by side, or flickering, and what differs in their words and parameters.
 * @param {any} ctx @param {() => void} [onclose]
 */
export function comparison(ctx, onclose) {
  const { h, t, wire, signal } = ctx;
  const addresses = new Addresses(signal, 8);
  /** @type {any[]} */
  let pictures = [];
  let mode = "slider";
  let at = 0;
  let timer = 0;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;

  const modes = ["slider", "side", "flicker"].map((name) => h("button", { class: "nowp-segment", "aria-pressed": "false", text: t(name), onclick: () => choose(name) }));
  const tools = h("div", { class: "nowp-zoom" });
  const stage = h("div", { class: "nowp-compare-stage" });
  const legend = h("div", { class: "nowp-legend", "aria-live": "off" });
  const apart = h("div", { class: "nowp-apart" });
  const close = onclose ? h("button", { class: "nowp-round", label: t("close"), onclick: () => hide() }, ctx.icon("close")) : null;
  const el = h("div", { class: onclose ? "nowp-over" : "nowp-alone", role: onclose ? "dialog" : "region", "aria-label": t("compare"), hidden: Boolean(onclose), onkeydown: (event) => { if (event.key === "Escape" && onclose) { event.preventDefault(); hide(); event.stopPropagation(); } } },
    h("header", { class: "nowp-head" }, h("h3", { class: "nowp-title", text: t("compare") }), h("div", { class: "nowp-segments", role: "group", "aria-label": t("compare") }, ...modes), tools, close),
    h("div", { class: "nowp-compared", tabindex: "0", role: "group", "aria-label": t("parameters") }, stage, legend, apart));
  if (onclose) el.setAttribute("aria-modal", "true");
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });

  /** @param {{number: number, place: number, ref: string, alt: string}[]} chosen */
  async function open(chosen) {
    pictures = chosen;
    at = 0;
    if (onclose) { ctx.cover(el); close.focus(); }
    choose(chosen.length > 2 ? "side" : "slider");
    await Promise.all([...pictures.map(fetchOne), ctx.attempt(differ)]);
  }
  function hide() {
    clearInterval(timer);
    ctx.uncover(el);
    onclose?.();
  }
  async function fetchOne(picture) {
    const key = `${picture.number}.${picture.place}`;
    if (addresses.get(key)) return;
    await ctx.attempt(async () => {
      const { mime, buffers } = await wire.ask("picture", { number: picture.number, place: picture.place });
      addresses.put(key, buffers[0], mime);
      choose(mode);
    });
  }
  function image(picture, cls = "") {
    const address = addresses.get(`${picture.number}.${picture.place}`);
    const one = h("img", { class: `nowp-original ${cls}`, alt: `${picture.ref} ${picture.alt}`, draggable: "false", hidden: !address });
    if (address) one.src = address;
    return one;
  }

  function choose(name) {
    mode = name;
    clearInterval(timer);
    modes.forEach((button, index) => button.setAttribute("aria-pressed", String(["slider", "side", "flicker"][index] === name)));
    stage.className = `nowp-compare-stage nowp-by-${name}`;
    stage.style.setProperty("--nowp-count", String(pictures.length));
    fill(tools);
    ({ slider, side, flicker })[name]();
  }
  function slider() {
    const [first, second] = [pictures[at % pictures.length], pictures[(at + 1) % pictures.length]];
    const range = h("input", { type: "range", class: "nowp-divide", min: 0, max: 100, step: 1, value: 50, "aria-label": t("divide"), oninput: () => split(range.value) });
    const line = h("i", { class: "nowp-line", "aria-hidden": "true" });
    const split = (percent) => stage.style.setProperty("--nowp-split", `${percent}%`);
    split(50);
    fill(stage, image(second), image(first, "nowp-upper"), line, range);
    fill(legend, h("span", { text: first.ref }), pictures.length > 2 ? h("button", { class: "nowp-plain", text: "⟳", label: t("next"), onclick: () => { at += 1; slider(); } }) : null, h("span", { text: second.ref }));
  }
  function side() {
    fill(stage, ...pictures.map((picture) => h("figure", {}, image(picture), h("figcaption", { text: picture.ref }))));
    fill(legend);
  }
  function flicker() {
    const images = pictures.map((picture) => image(picture));
    const label = h("span", {});
    const turn = (to) => {
      at = (to + pictures.length) % pictures.length;
      images.forEach((one, index) => one.classList.toggle("nowp-away", index !== at));
      label.textContent = `${pictures[at].ref} · ${at + 1}/${pictures.length}`;
    };
    const play = h("button", { class: "nowp-plain", onclick: () => (timer ? stop() : start()) });
    const start = () => { timer = window.setInterval(() => turn(at + 1), 700); play.textContent = t("pause"); };
    const stop = () => { clearInterval(timer); timer = 0; play.textContent = t("play"); };
    stop();
    fill(stage, ...images);
    fill(legend, label);
    fill(tools, h("button", { class: "nowp-round", label: t("previous"), onclick: () => { stop(); turn(at - 1); } }, ctx.icon("left")), play, h("button", { class: "nowp-round", label: t("next"), onclick: () => { stop(); turn(at + 1); } }, ctx.icon("right")));
    turn(at);
    if (!calm) start();
  }

  async function differ() {
    const { params, words } = await wire.ask("compare", { pictures: pictures.map(({ number, place }) => [number, place]) });
    const rows = params.filter((row) => !row.same);
    const wordy = words.some((runs) => runs.some(([kind]) => kind !== "same"));
    const table = h("table", { class: "nowp-table" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col", text: t("parameters") }), ...pictures.map((one) => h("th", { scope: "col", text: one.ref })))),
      h("tbody", {}, ...rows.map((row) => h("tr", {}, h("th", { scope: "row", text: row.name }), ...row.values.map((value) => h("td", { text: value || "–" }))))));
    const texts = words.map((runs, index) => h("div", { class: "nowp-version" }, h("h4", { text: pictures[index].ref }), h("p", { class: "nowp-words" }, ...runs.map(run))));
    fill(apart, rows.length ? table : null, ...(wordy ? texts : [h("p", { class: "nowp-words", text: words[0].map(([, text]) => text).join("") })]), !rows.length && !wordy ? h("p", { class: "nowp-note", text: t("same") }) : null);
  }
  function run([kind, text]) {
    if (kind === "same") return document.createTextNode(text);
    const tag = kind === "gone" ? "del" : "ins";
    return h(tag, {}, h("span", { class: "nowp-unseen", text: ` ${t(kind === "gone" ? "taken" : "added")}: ` }), h("span", { text }));
  }
  return { el, open };
}
