import { fill, focusedBeside } from "./dom.js";

/** @import { Context } from "./context.js" */
/** @import { Child } from "./types.d.ts" */
/**
 * An entry; `why` says why it cannot be used, `isSmall` ones stand beside each other, `isUsed` ones bear a mark.
 * @typedef {{text: string, key: string, drawing: Child, run: () => void}} Plain
 * @typedef {Plain & {why?: string, isSmall?: boolean, isUsed?: boolean}} Entry
 */

const STEPS = new Map([
  ["ArrowDown", 1],
  ["ArrowUp", -1],
  ["ArrowRight", 1],
  ["ArrowLeft", -1],
]);

/** A menu that opens where one clicks, inside the panel, so that its keys and its looks are the panel's. */
export class Menu {
  /** @param {Context} ctx */
  constructor(ctx) {
    const { h, t, signal, root } = ctx;
    this.ctx = ctx;
    /** @type {HTMLElement | null} */
    this.before = null;
    const onkeydown = (/** @type {KeyboardEvent} */ event) => this.handleKey(event);
    this.el = h("div", { class: "nowp-menu", role: "menu", "aria-label": t("actions"), hidden: true, onkeydown });
    const leave = (/** @type {Event} */ event) => {
      if (!this.el.hidden && !event.composedPath().includes(this.el)) this.close(false);
    };
    root.append(this.el);
    window.addEventListener("pointerdown", leave, { signal, capture: true });
  }

  /** @param {MouseEvent} event @param {string} title @param {Entry[]} entries */
  open(event, title, entries) {
    const { h, root, t } = this.ctx;
    this.before = focusedBeside(this.el);
    const items = entries.map((one) => (one.isSmall ? null : this.createItem(one)));
    const small = entries.filter((one) => one.isSmall).map((one) => this.createItem(one));
    const named = { class: "nowp-menu-row", role: "group", "aria-label": t("service") };
    const row = small.length ? h("div", named, ...small) : null;
    fill(this.el, h("p", { class: "nowp-note", role: "presentation", text: title }), row, ...items);
    this.el.hidden = false;
    this.el.scrollTop = 0;
    this.place(event, root.getBoundingClientRect());
    this.el.querySelector("button")?.focus({ preventScroll: true });
  }

  /** @param {Entry} entry */
  createItem({ text, key, drawing, run, why = "", isSmall = false, isUsed = false }) {
    const { h, t } = this.ctx;
    const onclick = () => {
      this.close(true);
      if (why) this.ctx.toast(why);
      else run();
    };
    const name = [text, isUsed ? t("used") : "", why].filter(Boolean).join(" · ");
    const off = why ? { "aria-disabled": "true", title: why } : {};
    const look = isSmall ? `nowp-item nowp-small${isUsed ? " nowp-used" : ""}` : "nowp-item";
    const shortcut = key ? h("kbd", { class: "nowp-note", "aria-hidden": "true", text: key }) : null;
    const props = { class: look, role: "menuitem", "aria-label": name, ...off, onclick };
    return h("button", props, drawing, h("span", { text }), shortcut);
  }

  /** Where the click was, and inside the panel. @param {MouseEvent} event @param {DOMRect} room */
  place({ clientX, clientY, target }, room) {
    const byKey = !clientX && !clientY && target instanceof Element ? target.getBoundingClientRect() : null;
    const [x, y] = byKey ? [byKey.x + 12, byKey.y + 12] : [clientX, clientY];
    const { offsetWidth, offsetHeight } = this.el;
    const bottom = Math.min(room.bottom, window.innerHeight);
    const left = Math.max(4, Math.min(x - room.left, room.width - offsetWidth - 6));
    const top = Math.max(4, Math.min(y, bottom - offsetHeight - 6) - room.top);
    this.el.style.insetInlineStart = `${left}px`;
    this.el.style.insetBlockStart = `${top}px`;
  }

  /** @param {boolean} goesBack whether the focus goes back to where it was */
  close(goesBack) {
    this.el.hidden = true;
    if (goesBack) this.before?.focus({ preventScroll: true });
  }

  /** @param {KeyboardEvent} event */
  handleKey(event) {
    const items = [...this.el.querySelectorAll("button")];
    const at = items.findIndex((one) => one.matches(":focus"));
    const step = STEPS.get(event.key);
    if (step) items[(at + step + items.length) % items.length].focus();
    else if (event.key === "Home") items[0].focus();
    else if (event.key === "End") items[items.length - 1].focus();
    else if (event.key === "Escape" || event.key === "Tab") this.close(true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
