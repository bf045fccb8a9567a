import { Addresses } from "./wire.js";

/** @import { Context } from "./context.js" */
/** @import { Bytes, Job } from "./types.d.ts" */

const MOST_PARTIALS = 40;
const ALMOST_DONE = 0.95;

/** What is under way: time, progress, the unfinished picture, and "Stop waiting" or "Cancel". */
export class JobList {
  /** @param {Context} ctx @param {(number: number, address: string) => void} onpartial */
  constructor(ctx, onpartial) {
    const { h, t, wire, signal } = ctx;
    this.ctx = ctx;
    this.onpartial = onpartial;
    /** @type {Addresses<string>} */
    this.addresses = new Addresses(signal, MOST_PARTIALS);
    /** @type {Map<string, FailedJob | RunningJob>} */
    this.cards = new Map();
    this.list = h("ul", { class: "nowp-jobs", "aria-label": t("running") });
    this.el = h("section", { class: "nowp-running", hidden: true }, this.list);
    wire.on("partial", ({ job, mime }, [data]) => this.showPartial(job, mime, data));
    wire.watch("change:jobs", () => this.show());
    this.clock = 0;
    signal.addEventListener("abort", () => clearInterval(this.clock), { once: true });
    this.show();
  }

  get jobs() {
    return this.ctx.model.get("jobs") ?? [];
  }

  show() {
    const { jobs } = this;
    const keys = new Set(jobs.map((job) => job.key));
    for (const key of this.cards.keys()) if (!keys.has(key)) this.drop(key);
    for (const job of [...jobs].reverse()) {
      const known = this.cards.get(job.key);
      const card = known?.state === job.state ? known : this.createCard(job);
      card.show(job);
    }
    this.el.hidden = !jobs.length;
    this.runClock(jobs.some((job) => job.state !== "failed"));
  }

  /** Show seconds while there are any to show. @param {boolean} isNeeded */
  runClock(isNeeded) {
    if (isNeeded === Boolean(this.clock)) return;
    if (isNeeded && !this.ctx.signal.aborted) {
      this.clock = window.setInterval(() => this.tick(), 1000);
    } else {
      clearInterval(this.clock);
      this.clock = 0;
    }
  }

  tick() {
    for (const card of this.cards.values()) card.tick();
  }

  /** @param {string} key */
  drop(key) {
    const card = this.cards.get(key);
    if (card) this.ctx.leave(card.el, () => card.el.remove());
    this.cards.delete(key);
    this.addresses.drop(key);
  }

  /** @param {Job} job */
  createCard(job) {
    const { ctx } = this;
    const before = this.cards.get(job.key);
    const partial = this.addresses.get(job.key);
    const card = job.state === "failed" ? new FailedJob(ctx, job) : new RunningJob(ctx, job, partial);
    this.cards.set(job.key, card);
    this.list.append(card.el);
    if (before) ctx.leave(before.el, () => before.el.remove());
    return card;
  }

  /** @param {string} key @param {string} mime @param {Bytes} data */
  showPartial(key, mime, data) {
    const address = this.addresses.put(key, data, mime);
    const ref = this.jobs.find((job) => job.key === key)?.ref ?? "";
    this.onpartial(Number(ref.slice(1)), address);
    this.cards.get(key)?.showPicture(address);
  }
}

class FailedJob {
  /** @param {Context} ctx @param {Job} job */
  constructor(ctx, job) {
    const { h, t, wire } = ctx;
    this.state = "failed";
    const dismiss = () => wire.ask("dismiss", { job: job.key });
    const prompt = h("p", { class: "nowp-job-prompt", text: job.prompt });
    this.el = h("li", { class: "nowp-job" }, prompt, ctx.createErrorCard(job.lines, dismiss));
    ctx.announce(t("failed", { ref: job.ref || "…" }));
  }

  show() {}
  tick() {}
  showPicture() {}
}

class RunningJob {
  /** @param {Context} ctx @param {Job} job @param {string | undefined} address */
  constructor(ctx, job, address) {
    const { h, t, wire } = ctx;
    this.ctx = ctx;
    this.job = job;
    this.state = "running";
    /** @type {number | undefined} */
    this.share = undefined;
    this.picture = h("img", { class: "nowp-partial", alt: "", hidden: true });
    if (address) this.showPicture(address);
    this.line = h("p", { class: "nowp-job-line" });
    this.filled = h("div");
    const range = { role: "progressbar", "aria-label": t("running"), "aria-valuemin": "0", "aria-valuemax": "100" };
    this.bar = h("div", { class: "nowp-progress", ...range }, this.filled);
    const stop = () => ctx.attempt(() => wire.ask("stop", { job: job.key }));
    this.button = h("button", { class: "nowp-plain", onclick: stop });
    this.notes = h("p", { class: "nowp-why" });
    const prompt = h("p", { class: "nowp-job-prompt", text: job.prompt });
    this.el = h(
      "li",
      { class: "nowp-job" },
      h("div", { class: "nowp-partial-frame" }, this.picture),
      h("div", { class: "nowp-job-text" }, prompt, this.line, this.bar, this.notes, this.button),
    );
  }

  /** @param {string} address */
  showPicture(address) {
    this.picture.src = address;
    this.picture.hidden = false;
  }

  /** @param {Job} job */
  show(job) {
    this.job = job;
    this.button.textContent = this.ctx.t(job.sent ? "stop" : "cancel");
    this.button.title = this.ctx.t(job.sent ? "stopWhy" : "cancelWhy");
    this.notes.textContent = job.notes.join(" ");
    this.tick();
  }

  tick() {
    const { ref, model, began, usually, fraction } = this.job;
    const seconds = Math.max(0, Math.round(Date.now() / 1000 - began));
    const expected = usually ? this.ctx.t("usually", { seconds: Math.round(usually) }) : "";
    this.line.textContent = [ref, model, `${seconds} s`, expected].filter(Boolean).join(" · ");
    const share = fraction ?? (usually ? Math.min(ALMOST_DONE, seconds / usually) : null);
    this.share = Math.max(this.share ?? 0, share ?? 0); // what is told may be less than what was guessed
    this.showShare(share === null ? null : this.share);
  }

  /** @param {number | null} share */
  showShare(share) {
    const percent = share === null ? "" : String(Math.round(share * 100));
    this.bar.classList.toggle("nowp-endless", !percent);
    this.filled.style.width = percent && `${percent}%`;
    if (percent) this.bar.setAttribute("aria-valuenow", percent);
    else this.bar.removeAttribute("aria-valuenow");
  }
}
