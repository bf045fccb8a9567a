import { debounce } from "./dom.js";
import { MaskEditor } from "./mask.js";

/** @import { Context } from "./context.js" */
/** @import { Given } from "./types.d.ts" */

const SAVE_MS = 250;

/** The mask editor over the panel: it ends with a mask that was attached, without one, or as it was. */
export class MaskDialog {
  /** @param {Context} ctx */
  constructor(ctx) {
    const { h, t } = ctx;
    this.ctx = ctx;
    /** @type {(mask: Given | null) => void} */
    this.take = () => {};
    /** @type {HTMLElement | null} */
    this.from = null;
    const cancel = h("button", { class: "nowp-plain", text: t("cancel"), onclick: () => this.close() });
    const use = h("button", { class: "nowp-plain nowp-use", text: t("useMask"), onclick: () => this.finish() });
    this.editor = new MaskEditor(ctx, { buttons: [h("div", { class: "nowp-group nowp-ends" }, cancel, use)] });
    const modal = { role: "dialog", "aria-modal": "true", "aria-label": t("maskEditor") };
    const onkeydown = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.close();
    };
    this.el = h("div", { class: "nowp-over nowp-masking", ...modal, hidden: true, onkeydown }, this.editor.el);
  }

  /**
   * Paint over an input; `take` gets the mask, or null where nothing is marked.
   * @param {Given} input @param {Given | undefined} mask @param {(mask: Given | null) => void} take
   * @param {() => void} back where the focus goes when nothing comes of it
   */
  async open(input, mask, take, back = this.onclose) {
    const { ctx } = this;
    await ctx.attempt(async () => {
      const masks = mask ? [mask] : [];
      const given = await ctx.wire.ask("paintable", { input, masks });
      this.take = take;
      this.back = back;
      ctx.cover(this.el);
      await this.editor.show(given, input.ref || input.name);
    });
  }

  close() {
    this.ctx.uncover(this.el);
    this.take = () => {};
    this.back();
  }

  /** Where the focus goes afterwards, if nothing else was said. */
  onclose = () => {};
  back = this.onclose;

  async finish() {
    const { ctx } = this;
    await ctx.attempt(async () => {
      const data = await this.editor.encode();
      const input = data ? (await ctx.wire.ask("attach", {}, [data])).input : null;
      const { take } = this;
      this.close();
      take(input && { ...input, role: "mask" });
    });
  }
}

/** The mask editor as the value of a cell: what is painted is the widget's at once. @param {Context} ctx */
export async function renderMask(ctx) {
  const save = debounce(ctx.signal, SAVE_MS, () => store());
  const store = async () => {
    const count = editor.raster?.count ?? 0;
    const data = await editor.encode();
    await ctx.attempt(() => ctx.wire.ask("paint", {}, [data ?? new ArrayBuffer(0)]));
    editor.el.dataset.saved = String(count);
  };
  const editor = new MaskEditor(ctx, { onchange: save });
  ctx.root.classList.add("nowp-lone", "nowp-masking");
  ctx.root.setAttribute("role", "region");
  ctx.root.setAttribute("aria-label", ctx.t("maskEditor"));
  ctx.root.append(editor.el);
  await ctx.attempt(async () => editor.show(await ctx.wire.ask("canvas", {}), ""));
}
