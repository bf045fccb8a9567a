/** What a front end keeps of the panel, also in saved widget state: it asks the kernel for script and styles. */

/** @import { Bytes, Message, Model } from "./types.d.ts" */

const PATIENCE_MS = 8000;

/** @param {{model: Model, el: HTMLElement}} given */
function render({ model, el }) {
  const ending = new AbortController();
  const { signal } = ending;
  const id = `script-${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}`;
  const silent = document.createElement("p");
  silent.setAttribute("role", "status");
  const patience = setTimeout(() => {
    silent.textContent = model.get("words").noKernel;
    el.append(silent);
  }, PATIENCE_MS);

  /** @param {Message} content @param {Bytes[]} buffers */
  async function receive(content, buffers) {
    if (content?.re !== id || buffers?.length !== 2) return;
    end();
    silent.remove();
    const address = URL.createObjectURL(new Blob([buffers[0]], { type: "text/javascript" }));
    const made = await import(/* webpackIgnore: true */ address);
    URL.revokeObjectURL(address);
    if (signal.aborted) return;
    const style = document.createElement("style");
    style.textContent = new TextDecoder().decode(buffers[1]);
    el.append(style);
    signal.addEventListener("abort", made.default.render({ model, el }), { once: true });
  }

  function end() {
    clearTimeout(patience);
    model.off("msg:custom", receive);
  }

  signal.addEventListener("abort", end, { once: true });
  model.on("msg:custom", receive);
  model.send({ id, action: "script" });
  return () => ending.abort();
}

export default { render };
