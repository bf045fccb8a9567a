import { copyText } from "./dom.js";
import { keyOf, pairsOf } from "./spots.js";
import { Addresses } from "./wire.js";

/** @import { Context } from "./context.js" */
/** @import { Spot } from "./types.d.ts" */
/** @typedef {{blob: Blob, name: string, address: string}} Original */

const MOST_FILES = 8;
const HELD_MS = 90;

/** Pictures out of the panel: downloaded, copied, opened, dragged; always the original file, byte for byte. */
export class Handout {
  /** @param {Context} ctx */
  constructor(ctx) {
    this.ctx = ctx;
    /** @type {Addresses<string>} */
    this.addresses = new Addresses(ctx.signal, MOST_FILES);
    /** @type {Map<string, Original>} */
    this.kept = new Map();
    this.timer = 0;
    ctx.signal.addEventListener("abort", () => clearTimeout(this.timer), { once: true });
  }

  /** The file of a picture. @param {Spot} spot @returns {Promise<Original>} */
  async fetch({ number, output }) {
    const key = keyOf({ number, output });
    const known = this.kept.get(key);
    if (known) return known;
    const { mime, name, buffers } = await this.ctx.wire.ask("original", { number, output });
    const address = this.addresses.put(key, buffers[0], mime);
    const original = { blob: new Blob([buffers[0]], { type: mime }), name, address };
    this.kept.set(key, original);
    for (const one of this.kept.keys()) if (!this.addresses.get(one)) this.kept.delete(one);
    return original;
  }

  /** Know nothing of another folder's pictures, which have the same numbers. */
  clear() {
    this.kept.clear();
    this.addresses.clear();
  }

  /** Save a file where the browser saves things; several go as one zip, by `export`. @param {Spot} spot */
  download(spot) {
    return this.ctx.attempt(async () => this.save(await this.fetch(spot)));
  }

  /** Save pictures as a zip, with how they were made or without. @param {Spot[]} spots @param {boolean} metadata */
  export(spots, metadata) {
    const { ctx } = this;
    return ctx.attempt(async () => {
      const { mime, name, buffers } = await ctx.wire.ask("export", { spots: pairsOf(spots), metadata });
      this.save({ address: this.addresses.put("zip", buffers[0], mime), name });
      ctx.toast(ctx.t(metadata ? "exported" : "exportedClean", { count: spots.length, name }));
    });
  }

  /** @param {{address: string, name: string}} file */
  save({ address, name }) {
    const link = this.ctx.h("a", { hidden: true, href: address, download: name });
    this.ctx.root.append(link);
    link.click();
    link.remove();
  }

  /** Put a picture on the clipboard, as PNG, which is what other programs take. @param {Spot} spot */
  async copyPicture(spot) {
    const { ctx } = this;
    try {
      // a promise, so that the browser still knows of the click when the bytes arrive
      const item = new ClipboardItem({ "image/png": this.fetch(spot).then(({ blob }) => asPng(blob)) });
      await navigator.clipboard.write([item]);
      ctx.toast(ctx.t("pictureCopied"));
    } catch {
      ctx.toast(ctx.t("noClipboard"));
    }
  }

  /** Put the place of the file on the clipboard. @param {Spot} spot */
  copyPath({ number, output }) {
    const { ctx } = this;
    return ctx.attempt(async () => {
      const { pictures } = await ctx.wire.ask("detail", { number });
      const path = pictures.find((one) => one.output === output)?.path ?? "";
      const copied = await copyText(path, ctx.root);
      ctx.toast(copied ? ctx.t("pathCopied", { path }) : path);
    });
  }

  /** Open a picture in a tab of the browser. @param {Spot} spot */
  open(spot) {
    const { ctx } = this;
    const tab = window.open("", "_blank"); // at once: after the answer it would be a pop-up
    return ctx.attempt(async () => {
      if (!tab) throw ctx.t("noTab");
      try {
        tab.location = (await this.fetch(spot)).address;
      } catch (error) {
        tab.close();
        throw error;
      }
    });
  }

  /** A picture was taken hold of: have its bytes here by the time it is dragged. @param {Spot} spot */
  hold(spot) {
    clearTimeout(this.timer);
    if (spot.output) this.timer = window.setTimeout(() => this.fetch(spot).catch(() => {}), HELD_MS);
  }

  release() {
    clearTimeout(this.timer);
  }

  /**
   * Let a picture be dropped as a file where the browser can do that, else as its reference.
   * @param {Spot} spot @param {string} ref @param {DragEvent} event
   */
  drag(spot, ref, { dataTransfer }) {
    if (!dataTransfer) return;
    const known = this.kept.get(keyOf(spot));
    dataTransfer.effectAllowed = "copy";
    dataTransfer.setData("application/x-now-picture", keyOf(spot));
    dataTransfer.setData("text/plain", ref);
    if (known) dataTransfer.setData("DownloadURL", `${known.blob.type}:${known.name}:${known.address}`);
  }
}

/** @param {Blob} blob */
async function asPng(blob) {
  if (blob.type === "image/png") return blob;
  const bitmap = await createImageBitmap(blob);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
  bitmap.close();
  return canvas.convertToBlob({ type: "image/png" });
}
