import { fill, name_ } from "./dom.js";
import { Addresses } from "./wire.js";

/**
 * The full view: one generation, large, with everything that is known of it and everything that can be done with it.
 * @param {any} ctx
 */
export function fullView(ctx) {
  const { h, t, wire, signal } = ctx;
  const originals = new Addresses(signal, 12);
  const stage = zoomStage(ctx);
  /** @type {any} */
  let shown = null;
  let place = 1;

  const title = h("h3", { class: "nowp-title" });
  const strip = h("div", { class: "nowp-strip", role: "group", "aria-label": t("gallery") });
  const side = h("div", { class: "nowp-side" });
  const round = (name, label, onclick) => h("button", { class: "nowp-round", label, onclick }, ctx.icon(name));
  const star = h("button", { class: "nowp-round nowp-toggle", onclick: () => ctx.gallery.toggleStar(shown.number) }, ctx.icon("star"));
  const pick = h("button", { class: "nowp-round nowp-toggle nowp-pick", label: t("choose"), onclick: () => { ctx.gallery.toggleChosen(shown.number); marks(); } }, ctx.icon("check"));
  const close = round("close", t("close"), () => hide());
  const el = h("div", { class: "nowp-over", role: "dialog", "aria-modal": "true", "aria-label": t("gallery"), hidden: true, onkeydown: key },
    h("header", { class: "nowp-head" },
      round("left", t("previous"), () => step(-1)), round("right", t("next"), () => step(1)), title,
      stage.tools, star, pick,
      round("trash", t("trash"), () => ctx.gallery.trash(shown.number)),
      close),
    h("div", { class: "nowp-full" }, h("div", { class: "nowp-left" }, stage.el, strip), side));

  async function open(number, then = "") {
    await ctx.attempt(async () => {
      const detail = await wire.ask("detail", { number });
      shown = detail;
      place = 1;
      ctx.cover(el);
      show();
      if (then !== "stay") (then === "tag" ? side.querySelector(".nowp-tag-new") : close)?.focus();
    });
  }
  /** What is gone, here or elsewhere, leaves its place to the older neighbour, else to the newer. @param {number} [number] */
  function leave(number) {
    if (!shown || (number !== undefined && number !== shown.number)) return;
    const next = number === undefined ? undefined : ctx.gallery.beside(number, 1) ?? ctx.gallery.beside(number, -1);
    if (next === undefined) hide(); else open(next, "stay");
  }
  /** Something about a generation changed: marks at once, the rest as the kernel tells it. @param {any} row */
  function rowCame(row) {
    if (shown?.number !== row.number) return;
    marks();
    if (row.version !== shown.version || row.status !== shown.status || String(row.tags) !== String(shown.tags)) renew();
  }
  async function renew() {
    const detail = await ctx.attempt(() => wire.ask("detail", { number: shown.number }));
    if (!detail || shown?.number !== detail.number) return;
    const typed = side.querySelector(".nowp-tag-new");
    const [words, had] = [typed?.value ?? "", typed === el.getRootNode().activeElement];
    shown = detail;
    place = Math.min(place, Math.max(1, detail.count));
    show();
    const field = side.querySelector(".nowp-tag-new");
    field.value = words;
    if (had) field.focus();
  }
  function hide() {
    ctx.uncover(el);
    if (shown) ctx.gallery.goTo(shown.number);
    shown = null;
  }
  function step(by) {
    const other = ctx.gallery.beside(shown.number, by);
    if (other) open(other);
  }
  function show() {
    title.textContent = `#${shown.number}`;
    name_(el, `#${shown.number} ${shown.alt}`);
    el.title = "";
    marks();
    fill(side, ...about());
    fill(strip, ...(shown.count > 1 ? shown.pictures.map((one) => h("button", { class: "nowp-plain", "aria-pressed": String(one.place === place), label: t("picture", { place: one.place, count: shown.count }), text: String(one.place), onclick: () => { place = one.place; show(); strip.children[one.place - 1].focus(); } })) : []));
    draw();
  }
  function marks() {
    if (!shown) return;
    const row = ctx.gallery.row(shown.number) ?? shown;
    name_(star, row.starred ? t("unstar") : t("star"));
    star.setAttribute("aria-pressed", String(row.starred));
    pick.setAttribute("aria-pressed", String(ctx.gallery.isChosen(shown.number)));
    pick.hidden = !shown.count;
  }
  async function draw() {
    const { number, count, alt, lines } = shown;
    const key_ = `${number}.${place}.${shown.version}`;
    if (!count) { stage.words(lines.length ? lines : [t(`status.${shown.status}`)]); return; }
    stage.show(originals.get(key_) ?? ctx.gallery.thumb(number), alt, !originals.get(key_));
    if (originals.get(key_)) return;
    try {
      const asked = place;
      const { mime, buffers } = await wire.ask("picture", { number, place });
      const address = originals.put(key_, buffers[0], mime);
      if (shown?.number === number && place === asked) stage.show(address, alt, false);
    } catch (error) {
      if (shown?.number === number) stage.words(error.lines ?? [String(error)]);
    }
  }

  function about() {
    const picture = shown.pictures[place - 1];
    const { seed: _seed, ...unseeded } = shown.draft.options;
    const act = (label, why, onclick) => h("button", { class: "nowp-plain", title: why, text: label, onclick });
    const paid = (verb, fields) => ctx.attempt(async () => { await wire.ask(verb, { ...fields, number: shown.number, at: Date.now() }); ctx.announce(t("ordered")); });
    const leave = (draft) => { hide(); ctx.draft.use(draft); ctx.announce(t("recalled")); };
    return [
      h("div", { class: "nowp-actions" },
        act(t("usePrompt"), "", () => leave({ ...ctx.draft.draft, prompt: shown.draft.prompt, parent: shown.draft.parent })),
        act(t("useAll"), "", () => leave(shown.draft)),
        act(t("remix"), t("remixWhy"), () => leave({ ...shown.draft, options: unseeded })),
        act(t("copyCell"), "", () => ctx.copyCell(shown.cell)),
        shown.verbs.includes("edit") ? act(t("edit"), t("editWhy"), () => paid("edit", { place, draft: ctx.draft.draft })) : null,
        shown.verbs.includes("vary") ? act(t("vary"), "", () => paid("vary", { place })) : null),
      shown.lines.length && shown.count ? ctx.errorCard(shown.lines) : null,
      part(t("prompt"), h("p", { class: "nowp-words", text: shown.prompt })),
      picture?.revised ? part(t("revised"), h("p", { class: "nowp-words", text: picture.revised })) : null,
      part(t("parameters"), facts([...shown.params, ...(picture ? [["", `${picture.width} × ${picture.height}`]] : []), ...shown.facts])),
      part(t("tags"), tags()),
      shown.buttons.length ? part(t("service"), h("div", { class: "nowp-actions" }, ...shown.buttons.map((label) => act(label, "", () => paid("press", { label }))))) : null,
      shown.parents.length ? part(t("parents"), family(shown.parents)) : null,
      shown.children.length ? part(t("children"), family(shown.children)) : null,
    ];
  }
  function part(label, content) {
    return h("section", { class: "nowp-part" }, h("h4", { text: label }), content);
  }
  function facts(pairs) {
    return h("dl", { class: "nowp-facts" }, ...pairs.filter(([, value]) => value !== "").flatMap(([name, value]) => [h("dt", { text: name || t("resolution") }), h("dd", { text: value })]));
  }
  function tags() {
    const field = h("input", { class: "nowp-input nowp-tag-new", "aria-label": t("addTag"), placeholder: t("addTag"), maxlength: 100 });
    const send = (tag, on) => ctx.attempt(async () => {
      await wire.ask("tag", { number: shown.number, tag, on });
      field.value = "";
      await renew();
      side.querySelector(".nowp-tag-new")?.focus();
    });
    field.addEventListener("keydown", (event) => { if (event.key === "Enter" && field.value.trim()) send(field.value.trim(), true); }, { signal });
    return h("div", { class: "nowp-tags" }, ...shown.tags.map((tag) => h("span", { class: "nowp-tag" }, h("span", { text: tag }), h("button", { class: "nowp-bare", label: t("removeTag", { tag }), onclick: () => send(tag, false) }, ctx.icon("close")))), field);
  }
  function family(numbers) {
    const missing = numbers.filter((number) => !ctx.gallery.thumb(number));
    if (missing.length) wire.ask("thumbs", { numbers: missing });
    return h("div", { class: "nowp-family" }, ...numbers.map((number) => {
      const picture = h("img", { alt: "" });
      if (ctx.gallery.thumb(number)) picture.src = ctx.gallery.thumb(number); else picture.hidden = true;
      const button = h("button", { class: "nowp-relative", label: `#${number}`, onclick: () => open(number) }, picture, h("span", { text: `#${number}` }));
      button.dataset.number = String(number);
      return button;
    }));
  }
  function key(event) {
    const typing = event.target instanceof HTMLInputElement;
    if (event.key === "Escape") hide();
    else if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    else if (event.key === "PageUp" || (event.key === "ArrowLeft" && !stage.holds(event.target))) step(-1);
    else if (event.key === "PageDown" || (event.key === "ArrowRight" && !stage.holds(event.target))) step(1);
    else if (event.key === "s") ctx.gallery.toggleStar(shown.number);
    else if (event.key === "c") { ctx.gallery.toggleChosen(shown.number); marks(); }
    else if (stage.key(event)) { /* moved or zoomed */ }
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  return {
    el, open, leave, rowCame,
    thumbCame(number) {
      for (const one of side.querySelectorAll(`.nowp-relative[data-number="${Number(number)}"] img`)) { one.src = ctx.gallery.thumb(number); one.hidden = false; }
    },
  };
}

/** A picture that can be zoomed and moved: wheel, drag, double click, buttons, keys. @param {any} ctx */
function zoomStage(ctx) {
  const { h, t } = ctx;
  let scale = 1;
  let at = [0, 0];
  /** @type {[number, number] | null} */
  let held = null;
  const picture = h("img", { class: "nowp-original", alt: "", draggable: "false" });
  const words = h("div", { class: "nowp-error", hidden: true });
  const el = h("div", {
    ...{ class: "nowp-stage", tabindex: "0", role: "group", "aria-label": t("zoomable") },
    onwheel: (event) => { if (!event.ctrlKey && scale === 1 && event.deltaY > 0) return; event.preventDefault(); zoom(scale * Math.exp(-event.deltaY / 300), [event.offsetX, event.offsetY]); },
    onpointerdown: (event) => { held = [event.clientX - at[0], event.clientY - at[1]]; el.setPointerCapture(event.pointerId); },
    onpointermove: (event) => { if (held && scale > 1) move([event.clientX - held[0], event.clientY - held[1]]); },
    onpointerup: () => { held = null; },
    onpointercancel: () => { held = null; },
    ondblclick: () => zoom(scale > 1 ? 1 : Math.max(2, picture.naturalWidth / Math.max(1, picture.clientWidth))),
  }, picture, words);
  const tools = h("div", { class: "nowp-zoom" },
    h("button", { class: "nowp-round", label: t("zoomOut"), onclick: () => zoom(scale / 1.4) }, ctx.icon("minus")),
    h("button", { class: "nowp-plain", text: t("zoomFit"), onclick: () => zoom(1) }),
    h("button", { class: "nowp-round", label: t("zoomIn"), onclick: () => zoom(scale * 1.4) }, ctx.icon("plus")));

  function zoom(wanted) {
    const next = Math.min(16, Math.max(1, wanted));
    at = next === 1 ? [0, 0] : [at[0] * (next / scale), at[1] * (next / scale)];
    scale = next;
    apply();
  }
  function move(to) {
    const room = [(el.clientWidth * (scale - 1)) / 2, (el.clientHeight * (scale - 1)) / 2];
    at = to.map((one, axis) => Math.max(-room[axis], Math.min(room[axis], one)));
    apply();
  }
  function apply() {
    picture.style.transform = `translate(${at[0]}px, ${at[1]}px) scale(${scale})`;
    el.classList.toggle("nowp-zoomed", scale > 1);
  }
  return {
    el, tools,
    holds: (target) => target === el && scale > 1,
    show(address, alt, rough) {
      words.hidden = true;
      picture.hidden = !address;
      if (address && picture.src !== address) picture.src = address;
      picture.alt = alt;
      picture.classList.toggle("nowp-rough", rough);
      if (rough) zoom(1);
    },
    words(lines) {
      picture.hidden = true;
      words.hidden = false;
      fill(words, ...lines.map((line) => h("p", { text: line })));
    },
    key(event) {
      const by = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
      if (by && event.target === el) move([at[0] + by[0], at[1] + by[1]]);
      else if (event.key === "+" || event.key === "=") zoom(scale * 1.4);
      else if (event.key === "-") zoom(scale / 1.4);
      else if (event.key === "0") zoom(1);
      else return false;
      return true;
    },
  };
}
