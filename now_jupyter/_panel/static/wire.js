/**
 * Questions to the kernel: each bears an id, and the answer with that id settles its promise.
 *
 * A kernel that was restarted or shut down answers nothing any more. Front ends tell of a restart; of all else only the
 * silence tells, which a busy kernel keeps as well.
 */

/** @import { Actions, Bytes, Events, Message, Model } from "./types.d.ts" */

const PATIENCE_MS = 5000;
const PATIENCE_WITH_A_GONE_MS = 1000;

/** The kernel refuses: `lines` are those of a cell. */
class Refused extends Error {
  /** @param {string[]} lines */
  constructor(lines) {
    super(lines[0] ?? "");
    this.lines = lines;
  }
}

/** The kernel wants the user's word: `agree` goes back with it. */
export class Asked extends Refused {
  /** @param {string[]} lines @param {string[]} agree */
  constructor(lines, agree) {
    super(lines);
    this.agree = agree;
  }
}

/** What is said of anything that was thrown. @param {unknown} error */
export function linesOf(error) {
  return error instanceof Refused ? error.lines : [String(error)];
}

export class Wire {
  /** @param {Model} model @param {AbortSignal} signal */
  constructor(model, signal) {
    this.model = model;
    this.signal = signal;
    this.prefix = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}`;
    this.count = 0;
    /** @type {Map<string, {settle: (answer: any) => void, refuse: (reason: Error) => void}>} */
    this.open = new Map();
    /** @type {Map<string, (content: any, buffers: Bytes[]) => void>} */
    this.listeners = new Map();
    this.isGone = false;
    /** @type {(state: "alive" | "silent" | "gone") => void} */
    this.onstate = () => {};
    this.silence = 0;
    this.watch("msg:custom", (content, buffers) => this.receive(content, buffers ?? []));
    this.watch("comm_live_update", () => this.giveUp());
    signal.addEventListener("abort", () => clearTimeout(this.silence), { once: true });
  }

  /** Listen to the model until the view ends. @param {string} name @param {(...given: any[]) => void} listener */
  watch(name, listener) {
    this.model.on(name, listener);
    this.signal.addEventListener("abort", () => this.model.off(name, listener), { once: true });
  }

  /**
   * Listen to an event of the kernel; each has one listener.
   * @template {keyof Events} Name
   * @param {Name} event @param {(content: Events[Name], buffers: Bytes[]) => void} listener
   */
  on(event, listener) {
    this.listeners.set(event, listener);
  }

  /**
   * Ask for something.
   * @template {keyof Actions} Name
   * @param {Name} action @param {Actions[Name]["asks"]} fields @param {ArrayBuffer[]} buffers
   * @returns {Promise<Actions[Name]["answers"] & {buffers: Bytes[]}>}
   */
  ask(action, fields, buffers = []) {
    const id = `${this.prefix}-${++this.count}`;
    clearTimeout(this.silence);
    this.silence = window.setTimeout(() => this.noticeSilence(), this.isGone ? PATIENCE_WITH_A_GONE_MS : PATIENCE_MS);
    const answer = new Promise((settle, refuse) => {
      this.open.set(id, { settle, refuse });
      try {
        this.model.send(
          { ...fields, id, action },
          undefined,
          buffers.map((one) => new DataView(one)),
        );
      } catch {
        this.giveUp(); // a closed comm takes nothing
      }
    });
    answer.catch(() => {}); // whoever does not wait for it does not care
    return answer;
  }

  /** @param {Message} content @param {Bytes[]} buffers */
  receive(content, buffers) {
    this.isGone = false;
    this.onstate("alive");
    if (content?.event) this.listeners.get(content.event)?.(content, buffers);
    const id = content?.re ?? "";
    const question = this.open.get(id);
    if (!question) return;
    this.open.delete(id);
    if (content.error) question.refuse(new Refused(content.error.lines));
    else if (content.ask) question.refuse(new Asked(content.ask.lines, content.ask.agree));
    else question.settle({ ...content, buffers });
  }

  noticeSilence() {
    if (!this.open.size) return;
    if (this.isGone) this.giveUp();
    else this.onstate("silent");
  }

  /** The kernel that knew the panel is no more: refuse whatever waits. */
  giveUp() {
    this.isGone = true;
    this.onstate("gone");
    for (const { refuse } of this.open.values()) refuse(new Refused([this.model.get("words").noKernel]));
    this.open.clear();
  }
}

/**
 * Addresses of bytes, all taken back when the view ends; the oldest beyond `most` earlier.
 * @template {string | number} Key
 */
export class Addresses {
  /** @param {AbortSignal} signal @param {number} most */
  constructor(signal, most) {
    this.most = most;
    /** @type {Map<Key, string>} */
    this.made = new Map();
    signal.addEventListener("abort", () => this.clear(), { once: true });
  }

  /** @param {Key} key */
  get(key) {
    return this.made.get(key);
  }

  /** @param {Key} key @param {Bytes} data @param {string} mime */
  put(key, data, mime) {
    this.drop(key);
    const address = URL.createObjectURL(new Blob([data], { type: mime }));
    this.made.set(key, address);
    const [oldest] = this.made.keys();
    if (this.made.size > this.most) this.drop(oldest);
    return address;
  }

  clear() {
    for (const key of this.made.keys()) this.drop(key);
  }

  /** @param {Key} key */
  drop(key) {
    const address = this.made.get(key);
    if (address) URL.revokeObjectURL(address);
    this.made.delete(key);
  }
}
