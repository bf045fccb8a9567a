import { Addresses } from "./wire.js";

/**
 * What is under way: time, progress, the unfinished picture, and "Stop waiting" or "Cancel".
 * @param {any} ctx
 */
export function jobList(ctx) {
  const { h, t, model, wire, signal } = ctx;
  const addresses = new Addresses(signal, 40);
  /** @type {Map<string, any>} */
  const cards = new Map();
  const list = h("ul", { class: "nowp-jobs", "aria-label": t("running") });
  const el = h("section", { class: "nowp-running", hidden: true }, list);

  function show() {
    const jobs = model.get("jobs") ?? [];
    for (const [key, card] of cards) if (!jobs.some((job) => job.key === key)) { card.el.remove(); cards.delete(key); addresses.drop(key); }
    for (const job of [...jobs].reverse()) {
      if (!cards.has(job.key) || cards.get(job.key).state !== job.state) make(job);
      cards.get(job.key).show(job);
    }
    el.hidden = !jobs.length;
  }
  function make(job) {
    cards.get(job.key)?.el.remove();
    const card = job.state === "failed" ? failed(job) : running(job);
    cards.set(job.key, card);
    list.append(card.el);
  }
  function failed(job) {
    const card = h("li", { class: "nowp-job" }, h("p", { class: "nowp-job-prompt", text: job.prompt }), ctx.errorCard(job.lines, () => wire.ask("dismiss", { job: job.key })));
    ctx.announce(t("failed", { ref: job.ref || "…" }));
    return { el: card, state: "failed", show: () => {}, tick: () => {} };
  }
  function running(job) {
    const picture = h("img", { class: "nowp-partial", alt: "", hidden: !addresses.get(job.key) });
    if (addresses.get(job.key)) picture.src = addresses.get(job.key);
    const line = h("p", { class: "nowp-job-line" });
    const bar = h("div", { class: "nowp-progress", role: "progressbar", "aria-label": t("running"), "aria-valuemin": "0", "aria-valuemax": "100" }, h("div", {}));
    const button = h("button", { class: "nowp-plain", onclick: () => ctx.attempt(() => wire.ask("stop", { job: job.key })) });
    const notes = h("p", { class: "nowp-why" });
    const card = h("li", { class: "nowp-job" }, h("div", { class: "nowp-partial-frame" }, picture), h("div", { class: "nowp-job-text" }, h("p", { class: "nowp-job-prompt", text: job.prompt }), line, bar, notes, button));
    let now = job;
    const one = {
      el: card,
      state: "running",
      picture,
      show(newer) {
        now = newer;
        button.textContent = t(now.sent ? "stop" : "cancel");
        button.title = t(now.sent ? "stopWhy" : "cancelWhy");
        notes.textContent = now.notes.join(" ");
        one.tick();
      },
      tick() {
        const seconds = Math.max(0, Math.round(Date.now() / 1000 - now.began));
        const parts = [now.ref, now.model, `${seconds} s`, now.usually ? t("usually", { seconds: Math.round(now.usually) }) : ""];
        line.textContent = parts.filter(Boolean).join(" · ");
        const share = now.fraction ?? (now.usually ? Math.min(0.95, seconds / now.usually) : null);
        bar.classList.toggle("nowp-endless", share === null);
        bar.firstChild.style.width = share === null ? "" : `${Math.round(share * 100)}%`;
        if (share === null) bar.removeAttribute("aria-valuenow"); else bar.setAttribute("aria-valuenow", Math.round(share * 100));
      },
    };
    return one;
  }

  wire.on("partial", ({ job, mime }, [data]) => {
    const address = addresses.put(job, data, mime);
    const ref = (model.get("jobs") ?? []).find((one) => one.key === job)?.ref ?? "";
    ctx.partialCame(Number(ref.slice(1)), address);
    const picture = cards.get(job)?.picture;
    if (!picture) return;
    picture.src = address;
    picture.hidden = false;
  });
  wire.watch("change:jobs", show);
  const clock = window.setInterval(() => cards.forEach((card) => card.tick()), 1000);
  signal.addEventListener("abort", () => clearInterval(clock), { once: true });
  show();
  return { el };
}
