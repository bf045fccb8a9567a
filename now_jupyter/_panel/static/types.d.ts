/** What goes over the wire to the kernel and back, what a front end's model does, and what elements are made with. */

export type Pair = [name: string, value: string];
export type Status = "pending" | "running" | "done" | "partial" | "failed" | "cancelled" | "unknown";

export type GivenRole = "picture" | "mask" | "vary";

/** How many inputs of each role a model takes. */
export type Takes = Partial<Record<GivenRole, number>>;

/** An input: a picture of the history by its number, or a file that was attached, with its name; both by digest. */
export interface Given {
  role: GivenRole;
  sha256: string;
  ref: string;
  name: string;
}

/** A picture as a mask is painted on it; width and height are the original's. */
export interface Paintable {
  mime: string;
  width: number;
  height: number;
}

export interface Draft {
  prompt: string;
  model: string;
  service: string;
  options: Record<string, string>;
  params: Pair[];
  inputs: Given[];
  parent: string;
}

/** What came and is no picture to be seen: a file, or words. */
export interface Other {
  kind: string;
  file: string;
  words: string;
}

/** What one tile stands for: an output of a generation by its number, or with 0 the generation itself. */
export interface Spot {
  number: number;
  output: number;
}

/** A spot with its time, in seconds, and the day that it is listed under: the beginning of it, in milliseconds. */
export interface Placed extends Spot {
  created: number;
  day: number;
}

/** What a tile shows of its picture. */
export interface PictureMarks {
  output: number;
  ref: string;
  /** What is to be said of it: grid, sent, along, preview. */
  notes: string[];
  starred: boolean;
  tags: string[];
}

/** A button that a service put under its pictures; `words` are usual where it asks for some. */
export interface ServiceButton {
  label: string;
  asks: "" | "mask" | "words";
  words: string;
  refused: boolean;
  used: boolean;
}

/** What the tiles of a generation show of it. */
export interface Row {
  number: number;
  created: number;
  status: Status;
  prompt: string;
  model: string;
  count: number;
  pictures: PictureMarks[];
  others: Other[];
  buttons: ServiceButton[];
  takes: Takes;
  starred: boolean;
  tags: string[];
  failure: string;
}

/** What the full view shows of a picture. */
export interface PictureDetail extends PictureMarks {
  place: number;
  path: string;
  width: number;
  height: number;
  mime: string;
  revised: string;
  sha256: string;
}

/** What the full view shows of a generation. */
export interface Detail extends Row {
  alt: string;
  params: Pair[];
  pictures: PictureDetail[];
  files: Pair[];
  text: string;
  facts: Pair[];
  lines: string[];
  given: [role: string, name: string][];
  parents: Pairs;
  children: [number: number, of: number[]][];
  draft: Draft;
  cell: string;
}

export interface Job {
  key: string;
  ref: string;
  prompt: string;
  model: string;
  began: number;
  usually: number | null;
  sent: boolean;
  fraction: number | null;
  state: "running" | "failed";
  lines: string[];
  notes: string[];
}

export interface Relay {
  demo: boolean;
  models: { name: string; price: string; takes: string }[];
  left: string;
  budget: string;
  lines: string[];
}

/** A picture to compare. */
export interface Compared extends Spot {
  ref: string;
  alt: string;
  starred: boolean;
}

export interface Query {
  text: string;
  model: string;
  tag: string;
  status: string;
  starred: boolean;
}

/** What can be filtered by. */
export interface Choices {
  models: string[];
  tags: string[];
  states: Status[];
}

export interface Quote {
  model: string;
  price: string;
  parent: string;
  controls: Record<string, { values: string[]; why: string; notes?: Record<string, string> }>;
  takes: Takes;
  known: boolean;
  notes: string[];
}

export interface Differences {
  params: { name: string; values: string[]; same: boolean }[];
  words: Run[][];
}
/** A piece of a prompt, and whether the first prompt has it as well. */
export type Run = [kind: "same" | "gone" | "new", text: string];

/** Spots as they travel. */
export type Pairs = [number: number, output: number][];

/** What a mark is put on. */
export interface Marked {
  spots: Pairs;
}

/** The draft in a file, and lines of what could not be taken over. */
export interface Recipe {
  draft: Draft;
  notes: string[];
}

/** A button that is pressed, with what it asked for. */
export interface Pressed {
  number: number;
  label: string;
  prompt: string;
  masks: Given[];
}

/** What was saved under names; of each draft the prompt is a fragment. */
export interface Preset {
  name: string;
  draft: Draft;
}
export interface Presets {
  presets: Preset[];
}

type Nothing = Record<string, never>;

/** Every action that the kernel takes: what is asked, and what is answered. */
export interface Actions {
  script: { asks: Nothing; answers: Nothing };
  find: { asks: Query & { newest: boolean }; answers: { whole: boolean; choices?: Choices } };
  choices: { asks: Nothing; answers: Choices };
  rows: { asks: { numbers: number[] }; answers: { rows: Row[] } };
  thumbs: { asks: Marked; answers: Nothing };
  detail: { asks: { number: number }; answers: Detail };
  picture: { asks: Spot; answers: { mime: string } };
  original: { asks: Spot; answers: { mime: string; name: string } };
  export: { asks: Marked & { metadata: boolean }; answers: { mime: string; name: string } };
  compare: { asks: Marked; answers: Differences };
  quote: { asks: { draft: Draft }; answers: Quote };
  relay: { asks: Nothing; answers: Nothing };
  cell: { asks: { draft: Draft }; answers: { cell: string } };
  generate: { asks: { draft: Draft; at: number; agreed: string[] }; answers: unknown };
  stop: { asks: { job: string }; answers: { cancelled: boolean } };
  dismiss: { asks: { job: string }; answers: Nothing };
  star: { asks: Marked & { on: boolean }; answers: Nothing };
  tag: { asks: Marked & { tag: string; on: boolean }; answers: Nothing };
  trash: { asks: Marked; answers: Nothing };
  restore: { asks: Marked; answers: Nothing };
  keep: { asks: Marked; answers: { dropped: Pairs } };
  again: { asks: { number: number; at: number; agreed: string[] }; answers: unknown };
  press: { asks: Pressed & { at: number; agreed: string[] }; answers: unknown };
  vary: { asks: Spot & { at: number; agreed: string[] }; answers: unknown };
  attach: { asks: Nothing; answers: { input: Given; recall: Recipe | null } };
  pick: { asks: Spot; answers: { input: Given } };
  input: { asks: { input: Given }; answers: { mime: string; width: number; height: number } };
  paintable: { asks: { input: Given; masks: Given[] }; answers: Paintable };
  presets: { asks: Nothing; answers: Presets };
  preset: { asks: { name: string; draft: Draft }; answers: Presets };
  rename: { asks: { name: string; to: string }; answers: Presets };
  unpreset: { asks: { name: string }; answers: Presets };
  canvas: { asks: Nothing; answers: Paintable };
  paint: { asks: Nothing; answers: Nothing };
  drop: { asks: Nothing; answers: Recipe };
}

/** Every event that the kernel tells without being asked. */
export interface Events {
  changed: { row: Row };
  gone: { number: number };
  moved: { folder: string };
  partial: { job: string; mime: string };
  thumb: Spot;
}

export type Bytes = DataView<ArrayBuffer>;

/** A message of the kernel: the answer to a question (`re`) or an event. */
export interface Message {
  re?: string;
  event?: keyof Events;
  error?: { lines: string[] };
  ask?: { lines: string[]; agree: string[] };
}

export interface Traits {
  mode: "panel" | "compare" | "mask";
  words: Record<string, string>;
  draft: Draft;
  jobs: Job[];
  relay: Partial<Relay>;
  pictures: Compared[];
}

/** The model that a front end gives a widget's script. */
export interface Model {
  get<Name extends keyof Traits>(name: Name): Traits[Name];
  set<Name extends keyof Traits>(name: Name, value: Traits[Name]): void;
  save_changes(): void;
  send(content: object, callbacks?: undefined, buffers?: DataView[]): void;
  on(event: string, listener: (...given: never[]) => void): void;
  off(event: string, listener: (...given: never[]) => void): void;
}

export type Child = Node | string | null;
type Attribute = string | number | boolean | undefined;
type Listeners = { [Type in keyof HTMLElementEventMap as `on${Type}`]?: (event: HTMLElementEventMap[Type]) => void };
type Attributes = {
  [Name in
    | "accept"
    | "alt"
    | "autocomplete"
    | "class"
    | "draggable"
    | "download"
    | "hidden"
    | "href"
    | "id"
    | "inputmode"
    | "lang"
    | "max"
    | "maxlength"
    | "min"
    | "multiple"
    | "placeholder"
    | "readonly"
    | "role"
    | "rows"
    | "scope"
    | "spellcheck"
    | "src"
    | "step"
    | "tabindex"
    | "title"
    | "type"
    | "value"
    | `aria-${string}`
    | `data-${string}`]?: Attribute;
};

/** What an element is made with: attributes, listeners, its text, and the label that names it. */
export type Props = Attributes & Listeners & { text?: string; label?: string };

/** Make an element. */
export type Make = <Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  props?: Props,
  ...children: Child[]
) => HTMLElementTagNameMap[Tag];
