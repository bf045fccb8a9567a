import { icon, setLabel } from "./dom.js";
import { isPicture } from "./spots.js";

/** @import { Context } from "./context.js" */
/** @import { Gallery } from "./gallery.js" */
/** @import { Entry } from "./menu.js" */
/** @import { Row, Spot } from "./types.d.ts" */
/** @import { Verbs } from "./verbs.js" */

/**
 * What can be done with pictures: offered in the bar of what is chosen, in the menu of a tile, or in both.
 *
 * @typedef {object} Action
 * @property {string} name its key among the words of the panel
 * @property {Parameters<typeof icon>[0]} icon
 * @property {"bar" | "menu" | "both"} where
 * @property {(spots: Spot[]) => boolean} fits whether it can be done with these
 * @property {(spots: Spot[]) => unknown} run
 * @property {string} [key] the key that does it with one
 */

/** How many can be compared at once. */
export const MOST_COMPARED = 4;

/** How many one message can name. */
const MOST_EXPORTED = 1000;

/**
 * All actions, in the order in which they are offered; further ones are added here.
 * @param {Gallery} gallery
 * @returns {Action[]}
 */
export function createActions(gallery) {
  const { marks, handout, on, rows } = gallery;
  const arePictures = (/** @type {Spot[]} */ spots) => spots.every(isPicture);
  const isOne = (/** @type {Spot[]} */ spots) => spots.length === 1 && arePictures(spots);
  const hasRest = (/** @type {Spot[]} */ spots) =>
    arePictures(spots) && spots.some(({ number }) => (rows.get(number)?.count ?? 2) > 1);
  const canExport = (/** @type {Spot[]} */ spots) => arePictures(spots) && spots.length <= MOST_EXPORTED;
  const canCompare = (/** @type {Spot[]} */ spots) =>
    spots.length > 1 && spots.length <= MOST_COMPARED && arePictures(spots);
  const any = () => true;
  return [
    { name: "compare", icon: "halves", where: "bar", fits: canCompare, run: on.compare },
    { name: "openFull", icon: "search", where: "menu", fits: any, run: ([spot]) => on.open(spot), key: "Enter" },
    { name: "star", icon: "star", where: "both", fits: any, run: (spots) => gallery.toggleStar(spots), key: "S" },
    { name: "tagThem", icon: "tag", where: "bar", fits: any, run: () => gallery.chooser.askTag() },
    { name: "tagIt", icon: "tag", where: "menu", fits: any, run: ([spot]) => on.open(spot, "tag"), key: "T" },
    { name: "choose", icon: "check", where: "menu", fits: any, run: ([spot]) => gallery.choose(spot), key: "C" },
    { name: "keep", icon: "keep", where: "both", fits: hasRest, run: (spots) => marks.keep(spots), key: "K" },
    { name: "download", icon: "download", where: "menu", fits: isOne, run: ([spot]) => handout.download(spot) },
    { name: "export", icon: "zip", where: "both", fits: canExport, run: (spots) => handout.export(spots, true) },
    { name: "exportClean", icon: "bare", where: "both", fits: canExport, run: (spots) => handout.export(spots, false) },
    { name: "copyPicture", icon: "copy", where: "menu", fits: isOne, run: ([spot]) => handout.copyPicture(spot) },
    { name: "copyPath", icon: "path", where: "menu", fits: isOne, run: ([spot]) => handout.copyPath(spot) },
    { name: "openTab", icon: "out", where: "menu", fits: isOne, run: ([spot]) => handout.open(spot) },
    { name: "trash", icon: "trash", where: "both", fits: any, run: (spots) => marks.trash(spots), key: "⌫" },
  ];
}

/** The bar of what is chosen: how many, and what can be done with them. */
export class Chooser {
  /** @param {Context} ctx @param {Gallery} gallery */
  constructor(ctx, gallery) {
    const { h, t } = ctx;
    this.ctx = ctx;
    this.gallery = gallery;
    this.count = h("span", { class: "nowp-chosen-count" });
    this.buttons = h("div", { class: "nowp-chosen-actions" });
    /** @type {Map<string, HTMLButtonElement>} */
    this.byName = new Map();
    const away = { class: "nowp-round", label: t("unchoose"), onclick: () => gallery.unchoose() };
    this.tagField = this.createTagField();
    this.clear = h("button", away, icon("close"));
    const named = { role: "toolbar", "aria-label": t("chosenBar") };
    const parts = [this.count, this.buttons, this.tagField, this.clear];
    this.el = h("div", { class: "nowp-chooser", ...named, hidden: true }, ...parts);
  }

  /** Offer these actions. @param {Action[]} actions */
  offer(actions) {
    const { h, t } = this.ctx;
    this.actions = actions.filter(({ where }) => where !== "menu");
    for (const action of this.actions) {
      const isFirst = action.name === "compare";
      const label = isFirst ? h("span") : null;
      const run = () => action.run(this.gallery.selection.spots);
      const look = { class: isFirst ? "nowp-plain" : "nowp-round nowp-on-bar", label: t(nameOf(action)) };
      const button = h("button", { ...look, onclick: run }, icon(action.icon), label);
      this.byName.set(action.name, button);
      this.buttons.append(button);
    }
  }

  /** Show how many are chosen, and what can be done with so many. */
  show() {
    const { t } = this.ctx;
    const { spots } = this.gallery.selection;
    const count = spots.length;
    if (count) this.el.hidden = false;
    else this.ctx.leave(this.el, () => this.el.toggleAttribute("hidden", true));
    if (!count) this.tagField.hidden = true;
    this.count.textContent = t("chosen", { count });
    for (const { name, fits } of this.actions ?? []) {
      const button = this.byName.get(name);
      if (button) button.disabled = !fits(spots);
    }
    this.showCompare(count);
  }

  /** @param {number} count */
  showCompare(count) {
    const { t } = this.ctx;
    const button = this.byName.get("compare");
    const label = button?.querySelector("span");
    if (!button || !label) return;
    label.textContent = button.disabled ? t("compare") : `${t("compare")} ${count}`;
    setLabel(button, label.textContent);
    if (count > MOST_COMPARED) button.title = t("tooMany", { count: MOST_COMPARED });
  }

  createTagField() {
    const { h, t } = this.ctx;
    const words = t("tagForAll");
    const field = h("input", {
      ...{ class: "nowp-input nowp-tag-all", placeholder: words, "aria-label": words, maxlength: 100, hidden: true },
      onkeydown: (event) => {
        if (event.isComposing) return;
        if (event.key === "Escape") this.endTag();
        if (event.key !== "Enter" || !field.value.trim()) return;
        this.gallery.marks.tag(this.gallery.selection.spots, field.value.trim());
        this.endTag();
      },
    });
    return field;
  }

  /** Ask for the tag that is put on all of them. */
  askTag() {
    this.tagField.hidden = false;
    this.tagField.focus();
  }

  endTag() {
    this.tagField.value = "";
    this.tagField.hidden = true;
    this.byName.get("tagThem")?.focus();
  }

  /** Where the focus goes when the bar is come back to; the first that can be pressed. */
  focus() {
    const [first] = [...this.byName.values(), this.clear].filter((one) => !one.disabled);
    first.focus();
  }
}

/** @param {Action} action */
function nameOf({ name }) {
  return name === "keep" ? "keepThese" : name;
}

/**
 * What a tile's menu offers.
 * @param {Context} ctx @param {Action[]} actions @param {Spot} spot
 * @returns {Entry[]}
 */
export function menuOf({ t }, actions, spot) {
  const offered = actions.filter(({ where, fits }) => where !== "bar" && fits([spot]));
  return offered.map(({ name, icon: drawn, run, key = "" }) => ({
    ...{ text: t(name), key, drawing: icon(drawn) },
    run: () => run([spot]),
  }));
}

/**
 * What a tile's menu offers to make of its picture: verbs, and the buttons of the service.
 * @param {Verbs} verbs @param {Spot} spot @param {Row | undefined} row
 * @returns {Entry[]}
 */
export function entriesOf(verbs, { number, output }, row) {
  if (!row) return [];
  const { t } = verbs.ctx;
  const buttons = row.buttons.map((one) => ({
    ...{ text: one.label, key: "", drawing: null, isSmall: true, isUsed: one.used },
    ...{ why: one.refused ? t("buttonRefused") : "", run: () => verbs.press(number, one) },
  }));
  const made = verbs.list(row, output).map(({ label, icon: drawn, title, isOff, run }) => ({
    ...{ text: label, key: "", drawing: icon(drawn), why: isOff ? title : "", run },
  }));
  return [...buttons, ...made];
}
