/**
 * Questions to the kernel: each bears an id, and the answer with that id settles its promise.
 *
 * A kernel that was restarted or shut down answers nothing any more. Front ends tell of a restart; of all else only the
 * silence tells, which a busy kernel keeps as well.
 */

const PATIENCE_MS = 5000;
const PATIENCE_WITH_A_GONE_MS = 1000;

/** The kernel refuses: `lines` are those of a cell. */
export class Refused extends Error {
  /** @param {string[]} lines */
  constructor(lines) {
    super(lines[0] ?? "");
    this.lines = lines;
  }
}

/** The kernel wants the user's word: `agree` goes back with it. */
export class Asked extends Error {
  /** @param {string[]} lines @param {string[]} agree */
  constructor(lines, agree) {
    super(lines[0] ?? "");
    this.lines = lines;
    this.agree = agree;
  }
}

export class Wire {
  /** @param {any} model @param {AbortSignal} signal */
  constructor(model, signal) {
    this.model = model;
    this.signal = signal;
    this.prefix = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}`;
    this.count = 0;
    /** @type {Map<string, {settle: (answer: any) => void, refuse: (reason: Error) => void}>} */
    this.open = new Map();
    /** @type {Map<string, (content: any, buffers: DataView[]) => void>} */
    this.heard = new Map();
    this.isGone = false;
    /** Told of how the kernel is: "alive", "silent" or "gone". @type {(state: string) => void} */
    this.tell = () => {};
    this.silence = 0;
    this.watch("msg:custom", (content, buffers) => this.arrive(content, buffers ?? []));
    this.watch("comm_live_update", () => this.gone());
    signal.addEventListener("abort", () => clearTimeout(this.silence), { once: true });
  }

  /** Nothing came for a while. */
  unanswered() {
    if (!this.open.size) return;
    if (this.isGone) this.gone();
    else this.tell("silent");
  }

  /** The kernel that knew the panel is no more: whoever waits is told. */
  gone() {
    this.isGone = true;
    this.tell("gone");
    for (const { refuse } of this.open.values()) refuse(new Refused([this.model.get("words").noKernel]));
    this.open.clear();
  }

  /** Listen to the model until the view ends. @param {string} name @param {(...given: any[]) => void} listener */
  watch(name, listener) {
    this.model.on(name, listener);
    this.signal.addEventListener("abort", () => this.model.off(name, listener), { once: true });
  }

  /** Ask for something. @param {string} action @param {object} fields @param {ArrayBuffer[]} buffers @returns {Promise<any>} */
  ask(action, fields = {}, buffers = []) {
    const id = `${this.prefix}-${++this.count}`;
    clearTimeout(this.silence);
    this.silence = window.setTimeout(() => this.unanswered(), this.isGone ? PATIENCE_WITH_A_GONE_MS : PATIENCE_MS);
    const answer = new Promise((settle, refuse) => {
      this.open.set(id, { settle, refuse });
      try {
        this.model.send({ ...fields, id, action }, undefined, buffers.map((one) => new DataView(one)));
      } catch {
        this.gone(); // a closed comm takes nothing
      }
    });
    answer.catch(() => {}); // whoever does not wait for it does not care
    return answer;
  }

  /** @param {string} event @param {(content: any, buffers: DataView[]) => void} listener */
  on(event, listener) {
    this.heard.set(event, listener);
  }

  /** @param {any} content @param {DataView[]} buffers */
  arrive(content, buffers) {
    this.isGone = false;
    this.tell("alive");
    if (content?.event) this.heard.get(content.event)?.(content, buffers);
    const question = this.open.get(content?.re);
    if (!question) return;
    this.open.delete(content.re);
    if (content.error) question.refuse(new Refused(content.error.lines));
    else if (content.ask) question.refuse(new Asked(content.ask.lines, content.ask.agree));
    else question.settle({ ...content, buffers });
  }
}

/** Addresses of bytes, all taken back when the view ends; the oldest beyond `most` earlier. */
export class Addresses {
  /** @param {AbortSignal} signal @param {number} most */
  constructor(signal, most) {
    this.most = most;
    /** @type {Map<any, string>} */
    this.made = new Map();
    signal.addEventListener("abort", () => [...this.made.keys()].forEach((key) => this.drop(key)), { once: true });
  }

  /** @param {any} key */
  get(key) {
    return this.made.get(key);
  }

  /** @param {any} key @param {DataView} data @param {string} mime */
  put(key, data, mime) {
    this.drop(key);
    const address = URL.createObjectURL(new Blob([data], { type: mime }));
    this.made.set(key, address);
    if (this.made.size > this.most) this.drop(this.made.keys().next().value);
    return address;
  }

  /** @param {any} key */
  drop(key) {
    const address = this.made.get(key);
    if (address) URL.revokeObjectURL(address);
    this.made.delete(key);
  }
}
