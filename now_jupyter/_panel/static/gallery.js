import { fill, later, name_ } from "./dom.js";
import { Addresses } from "./wire.js";

const GAP = 10;
const SMALLEST = 168;
const MOST_CHOSEN = 4;

/**
 * The gallery: all numbers are known, tiles exist only for what is in sight, rows and thumbnails come when they are.
 * @param {any} ctx @param {{open: (number: number) => void, compare: (numbers: number[]) => void}} to
 */
export function gallery(ctx, to) {
  const { h, t, wire, signal } = ctx;
  const addresses = new Addresses(signal, 600);
  /** @type {number[]} */
  let numbers = [];
  /** @type {Map<number, any>} */
  const rows = new Map();
  /** @type {Map<number, any>} */
  const tiles = new Map();
  /** @type {Set<number>} */
  const asked = new Set();
  /** @type {Map<number, string>} */
  const unfinished = new Map();
  /** @type {number[]} */
  let chosen = [];
  let current = 0;
  let columns = 1;
  let side = 100;
  let total = 0;

  const search = h("input", { class: "nowp-input nowp-search", type: "search", "aria-label": t("search"), placeholder: t("search"), oninput: later(signal, 200, () => find()) });
  const choice = (label) => h("select", { class: "nowp-input nowp-select", "aria-label": label, hidden: true, onchange: () => find() }, h("option", { value: "", text: label }));
  const byModel = choice(t("allModels"));
  const byTag = choice(t("allTags"));
  const byStatus = choice(t("allStates"));
  const starred = h("button", { class: "nowp-round nowp-toggle", label: t("starredOnly"), "aria-pressed": "false", onclick: () => { press(starred, !pressed(starred)); find(); } }, ctx.icon("star"));
  const count = h("span", { class: "nowp-count", role: "status" });
  const compareLabel = h("span", {});
  const compare = h("button", { class: "nowp-plain", onclick: () => to.compare(chosen) }, ctx.icon("halves"), compareLabel);
  const unchoose = h("button", { class: "nowp-round", label: t("unchoose"), onclick: () => { choose([]); focus(); } }, ctx.icon("close"));
  const chooser = h("div", { class: "nowp-chooser", hidden: true }, compare, unchoose);
  const canvas = h("ul", { class: "nowp-canvas", "aria-label": t("gallery"), "aria-description": t("keys"), onkeydown: key });
  const blank = h("div", { class: "nowp-blank", hidden: true });
  const scroller = h("div", { class: "nowp-scroller", tabindex: "-1", onscroll: () => soon() }, canvas, blank);
  const el = h("section", { class: "nowp-gallery", "aria-label": t("gallery") },
    h("div", { class: "nowp-tools" }, search, starred, h("div", { class: "nowp-filters" }, byModel, byTag, byStatus, count)),
    scroller, chooser);

  // What fits

  async function find() {
    const query = { text: search.value, model: byModel.value, tag: byTag.value, status: byStatus.value, starred: pressed(starred) };
    try {
      const answer = await wire.ask("find", query);
      const found = Array.from(new Float64Array(answer.buffers[0].buffer.slice(answer.buffers[0].byteOffset, answer.buffers[0].byteOffset + answer.buffers[0].byteLength)));
      const kept = numbers[current];
      numbers = found;
      current = Math.max(0, found.indexOf(kept));
      choices(byModel, t("allModels"), answer.choices.models);
      choices(byTag, t("allTags"), answer.choices.tags);
      choices(byStatus, t("allStates"), answer.choices.states, (state) => t(`status.${state}`));
      total = isFiltered() ? total : found.length;
      paint(true);
    } catch (error) {
      ctx.toast((error.lines ?? [String(error)]).join(" "));
    }
  }
  function isFiltered() {
    return Boolean(search.value || byModel.value || byTag.value || byStatus.value || pressed(starred));
  }
  function clear() {
    [search, byModel, byTag, byStatus].forEach((field) => { field.value = ""; });
    press(starred, false);
    find();
    search.focus();
  }
  /** What a row brings that was not there before can be filtered by at once. */
  function offer(row) {
    const more = [[byModel, [row.model], undefined], [byTag, row.tags, undefined], [byStatus, [row.status], (state) => t(`status.${state}`)]];
    for (const [select, values, named] of more) {
      const known = [...select.options].map((one) => one.value);
      const missing = values.filter((value) => value && !known.includes(value));
      if (missing.length) choices(select, select.options[0].textContent, [...known.slice(1), ...missing], named);
    }
  }
  function choices(select, all, values, named = (value) => value) {
    const value = select.value;
    fill(select, ...[["", all], ...values.map((one) => [one, named(one)])].map(([one, text]) => h("option", { value: one, text })));
    select.value = value;
    select.hidden = values.length < 2 && !value;
  }

  // What is in sight

  let painting = 0;
  function soon() {
    if (!painting) painting = requestAnimationFrame(() => { painting = 0; paint(); });
  }
  signal.addEventListener("abort", () => cancelAnimationFrame(painting), { once: true });

  function paint(anew = false) {
    const width = canvas.clientWidth;
    if (!width) return;
    columns = Math.max(2, Math.floor((width + GAP) / (SMALLEST + GAP)));
    side = (width - GAP * (columns - 1)) / columns;
    const step = side + GAP;
    const height = Math.ceil(numbers.length / columns) * step;
    canvas.style.height = `${Math.max(0, height - GAP)}px`;
    const first = Math.max(0, Math.floor(scroller.scrollTop / step) - 1) * columns;
    const last = Math.min(numbers.length, (Math.ceil((scroller.scrollTop + scroller.clientHeight) / step) + 1) * columns);
    const inSight = new Set(numbers.slice(first, last));
    if (current < numbers.length) inSight.add(numbers[current]);
    for (const [number, tile] of tiles) if (!inSight.has(number)) { tile.el.remove(); tiles.delete(number); }
    for (let index = first; index < last; index += 1) place(index, step);
    if (current < first || current >= last) place(current, step);
    fetchSoon();
    empty();
    count.textContent = numbers.length ? t(numbers.length === 1 ? "one" : "shown", { count: numbers.length }) : "";
    if (anew) tiles.forEach((tile) => tile.show());
  }
  function place(index, step) {
    const number = numbers[index];
    if (number === undefined) return;
    const tile = tiles.get(number) ?? make(number);
    tile.el.style.transform = `translate(${(index % columns) * step}px, ${Math.floor(index / columns) * step}px)`;
    tile.el.style.width = tile.el.style.height = `${side}px`;
    tile.el.setAttribute("aria-setsize", numbers.length);
    tile.el.setAttribute("aria-posinset", index + 1);
    tile.index = index;
    tile.tabs(index === current);
    if (tile.el.previousElementSibling !== (tiles.get(numbers[index - 1])?.el ?? null)) order(tile.el, index);
  }
  /** Readers and the Tab key go by the order of elements: keep it that of the pictures. */
  function order(element, index) {
    const after = [...canvas.children].find((one) => Number(one.getAttribute("aria-posinset")) > index + 1);
    if (after !== element.nextElementSibling || !element.parentNode) canvas.insertBefore(element, after ?? null);
  }
  function empty() {
    blank.hidden = numbers.length > 0;
    if (numbers.length || !isFiltered() && total) return;
    const words = isFiltered()
      ? [h("p", { class: "nowp-blank-title", text: t("nothing") }), h("button", { class: "nowp-plain", text: t("clear"), onclick: clear })]
      : [h("div", { class: "nowp-blank-art", "aria-hidden": "true" }, h("i", {}), h("i", {}), h("i", {})), h("p", { class: "nowp-blank-title", text: t("empty") }), h("p", { text: t("emptyHint") }), h("p", { text: t("drop") })];
    fill(blank, ...words);
  }

  const fetchSoon = later(signal, 60, async () => {
    const shown = [...tiles.keys()];
    const missing = shown.filter((number) => !rows.has(number) && !asked.has(number)).slice(0, 200);
    missing.forEach((number) => asked.add(number));
    if (missing.length) await ctx.attempt(() => rowsOf(missing));
    const bare = shown.filter((number) => rows.get(number)?.count && !addresses.get(number)).sort((a, b) => tiles.get(a)?.index - tiles.get(b)?.index);
    if (bare.length) ctx.attempt(() => wire.ask("thumbs", { numbers: bare.slice(0, 200) }));
  });
  async function rowsOf(missing) {
    try {
      const { rows: given } = await wire.ask("rows", { numbers: missing });
      given.forEach((row) => { if (asked.has(row.number)) rows.set(row.number, row); });
      given.forEach((row) => tiles.get(row.number)?.show());
    } finally {
      missing.forEach((number) => asked.delete(number));
    }
  }

  function make(number) {
    const picture = h("img", { class: "nowp-thumb", alt: "", draggable: "false", hidden: true });
    const words = h("span", {});
    const open = h("button", { class: "nowp-open", tabindex: "-1", onclick: () => { current = tile.index; to.open(number); }, onfocus: () => settle(tile.index) }, picture, h("span", { class: "nowp-tile-words", "aria-hidden": "true" }, words));
    const star = h("button", { class: "nowp-round nowp-on-picture nowp-toggle", tabindex: "-1", onclick: () => toggleStar(number) }, ctx.icon("star"));
    const pick = h("button", { class: "nowp-round nowp-on-picture nowp-toggle nowp-pick", tabindex: "-1", onclick: () => toggleChosen(number) }, ctx.icon("check"));
    const badge = h("span", { class: "nowp-badge", "aria-hidden": "true" });
    const element = h("li", { class: "nowp-tile" }, open, pick, star, badge);
    const tile = {
      el: element,
      index: 0,
      tabs(on) {
        [open, pick, star].forEach((one) => one.setAttribute("tabindex", on ? "0" : "-1"));
      },
      focus: () => open.focus({ preventScroll: true }),
      show() {
        const row = rows.get(number);
        if (!row) return;
        const address = addresses.get(number) ?? (row.count ? undefined : unfinished.get(number));
        picture.hidden = !address;
        picture.classList.toggle("nowp-rough", Boolean(address) && !row.count);
        if (address && picture.src !== address) picture.src = address;
        element.dataset.status = row.status;
        element.classList.toggle("nowp-wordy", !address && !row.count);
        element.classList.toggle("nowp-starred", row.starred);
        element.classList.toggle("nowp-chosen", chosen.includes(number));
        const state = t(`status.${row.status}`);
        words.textContent = row.count ? row.prompt : `${state} · ${row.failure || row.prompt}`;
        badge.textContent = row.count > 1 ? String(row.count) : "";
        name_(open, [`#${number}`, row.prompt, row.model, row.status === "done" ? "" : state, row.failure, row.starred ? "★" : ""].filter(Boolean).join(" · "));
        open.title = "";
        name_(star, row.starred ? t("unstar") : t("star"));
        press(star, row.starred);
        name_(pick, t("choose"));
        press(pick, chosen.includes(number));
        pick.hidden = !row.count;
      },
    };
    tiles.set(number, tile);
    canvas.append(element);
    tile.show();
    return tile;
  }

  // Keys

  function settle(index) {
    tiles.get(numbers[current])?.tabs(false);
    current = index;
    tiles.get(numbers[current])?.tabs(true);
  }
  function focus() {
    (tiles.get(numbers[current]) ?? search).focus();
  }
  /** Back from the comparison, to the button that led there. */
  function back() {
    if (chooser.hidden) focus(); else compare.focus();
  }
  function go(index) {
    if (index < 0 || index >= numbers.length) return;
    settle(index);
    const step = side + GAP;
    const top = Math.floor(index / columns) * step;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + side > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = top + side - scroller.clientHeight;
    paint();
    focus();
  }
  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !numbers.length) return;
    const page = Math.max(1, Math.floor(scroller.clientHeight / (side + GAP))) * columns;
    const moves = { ArrowRight: current + 1, ArrowLeft: current - 1, ArrowDown: Math.min(current + columns, numbers.length - 1), ArrowUp: current - columns, Home: 0, End: numbers.length - 1, PageDown: Math.min(current + page, numbers.length - 1), PageUp: Math.max(0, current - page) };
    const number = numbers[current];
    if (event.key in moves) go(moves[event.key]);
    else if (event.key === "s") toggleStar(number);
    else if (event.key === "c") toggleChosen(number);
    else if (event.key === "t") to.open(number, "tag");
    else if (event.key === "Delete" || event.key === "Backspace") trash(number);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // Marks

  function toggleStar(number) {
    const row = rows.get(number);
    if (row) ctx.attempt(() => wire.ask("star", { number, on: !row.starred }));
  }
  function toggleChosen(number) {
    if (!rows.get(number)?.count) return;
    if (!chosen.includes(number) && chosen.length >= MOST_CHOSEN) ctx.toast(t("tooMany", { count: MOST_CHOSEN }));
    else choose(chosen.includes(number) ? chosen.filter((one) => one !== number) : [...chosen, number]);
  }
  function choose(now) {
    chosen = now;
    chooser.hidden = !chosen.length;
    compareLabel.textContent = chosen.length > 1 ? `${t("compare")} ${chosen.length}` : t("chosen", { count: chosen.length });
    compare.disabled = chosen.length < 2;
    tiles.forEach((tile) => tile.show());
    ctx.announce(t("chosen", { count: chosen.length }));
  }
  async function trash(number) {
    await ctx.attempt(async () => {
      await wire.ask("trash", { number });
      const undo = () => ctx.attempt(async () => { await wire.ask("restore", { number }); ctx.announce(t("restored", { ref: `#${number}` })); });
      ctx.toast(t("trashed", { ref: `#${number}` }), t("undo"), undo);
    });
  }
  function forget(number) {
    const index = numbers.indexOf(number);
    rows.delete(number);
    addresses.drop(number);
    if (chosen.includes(number)) choose(chosen.filter((one) => one !== number));
    if (index < 0) return;
    const had = canvas.contains(canvas.getRootNode().activeElement);
    numbers.splice(index, 1);
    total -= 1;
    current = Math.min(current, Math.max(0, numbers.length - 1));
    paint();
    if (had) focus();
  }

  wire.on("thumb", ({ number }, [data]) => {
    if (!data) return;
    addresses.put(number, data, "image/jpeg");
    tiles.get(number)?.show();
    ctx.thumbCame(number);
  });
  wire.on("gone", ({ number }) => { ctx.leave(number); forget(number); });
  wire.on("moved", ({ folder }) => {
    ctx.leave();
    asked.clear();
    unfinished.clear();
    [...rows.keys()].forEach((number) => addresses.drop(number));
    rows.clear();
    tiles.forEach((tile) => tile.el.remove());
    tiles.clear();
    numbers = [];
    total = 0;
    choose([]);
    ctx.toast(t("moved", { folder }));
    find();
  });
  wire.on("changed", ({ row }, [data]) => {
    const known = rows.get(row.number);
    rows.set(row.number, row);
    asked.delete(row.number);
    offer(row);
    if (data) addresses.put(row.number, data, "image/jpeg");
    if (row.status !== "running" && row.status !== "pending") unfinished.delete(row.number);
    if (row.status === "done" && known && known.status !== "done") ctx.announce(t("arrived", { ref: `#${row.number}` }));
    if (numbers.includes(row.number)) tiles.get(row.number)?.show();
    else if (isFiltered()) find();
    else insert(row.number);
    ctx.rowCame(row);
  });
  function insert(number) {
    const at = numbers.findIndex((one) => one < number);
    numbers.splice(at < 0 ? numbers.length : at, 0, number);
    if (numbers.length > 1 && at >= 0 && at <= current) current += 1;
    if (scroller.scrollTop < side / 2) current = scroller.contains(canvas.getRootNode().activeElement) ? current : 0;
    total += 1;
    paint();
  }
  const watcher = new ResizeObserver(() => soon());
  watcher.observe(scroller);
  signal.addEventListener("abort", () => watcher.disconnect(), { once: true });
  return {
    el, find, focus, back, toggleStar, toggleChosen, trash,
    partialCame(number, address) { unfinished.set(number, address); tiles.get(number)?.show(); },
    thumb: (number) => addresses.get(number),
    row: (number) => rows.get(number),
    isChosen: (number) => chosen.includes(number),
    beside(number, step) { return numbers[numbers.indexOf(number) + step]; },
    goTo(number) { const index = numbers.indexOf(number); if (index >= 0) go(index); else focus(); },
  };
}

/** @param {Element} button */
function pressed(button) {
  return button.getAttribute("aria-pressed") === "true";
}
/** @param {Element} button @param {boolean} on */
function press(button, on) {
  button.setAttribute("aria-pressed", String(on));
}
