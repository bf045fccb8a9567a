/** Spots: what one tile stands for, how they are named, ordered, and read from what travels for the whole history. */

/** @import { Bytes, Pairs, Placed, Row, Spot } from "./types.d.ts" */

const BYTES_OF_RECORD = 24;

/** @param {Spot} spot */
export function keyOf({ number, output }) {
  return `${number}.${output}`;
}

/** @param {string} key @returns {Spot} */
export function spotOf(key) {
  const [number, output] = key.split(".").map(Number);
  return { number, output };
}

/** @param {Spot[]} spots @returns {Pairs} */
export function pairsOf(spots) {
  return spots.map(({ number, output }) => [number, output]);
}

/** @param {Pairs} pairs @returns {Spot[]} */
export function spotsOf(pairs) {
  return pairs.map(([number, output]) => ({ number, output }));
}

/** Whether it is a picture. @param {Spot} spot */
export function isPicture({ output }) {
  return output > 0;
}

/** The day of a time, by the clock of who looks: its beginning. @param {number} created in seconds */
function dayOf(created) {
  return new Date(created * 1000).setHours(0, 0, 0, 0);
}

/** The tiles of a generation: one for each picture, else one for itself. @param {Row} row @returns {Placed[]} */
export function placesOf({ number, created, pictures }) {
  const outputs = pictures.length ? pictures.map((one) => one.output) : [0];
  const day = dayOf(created);
  return outputs.map((output) => ({ number, output, created, day }));
}

/**
 * Read the answer to "find": number, time and count of each generation, and the numbers of all pictures.
 * @param {Bytes[]} buffers
 */
export function readPlaces([ofRecords, ofPictures]) {
  /** @type {Placed[]} */
  const places = [];
  let next = 0;
  for (let at = 0; at < ofRecords.byteLength; at += BYTES_OF_RECORD) {
    const [number, created, count] = [0, 8, 16].map((part) => ofRecords.getFloat64(at + part, true));
    const day = dayOf(created);
    if (!count) places.push({ number, output: 0, created, day });
    for (const end = next + count; next < end; next += 1) {
      places.push({ number, output: ofPictures.getUint16(2 * next, true), created, day });
    }
  }
  return places;
}

/** Whether a generation stands before another: newest first. @param {Placed} one @param {Placed} other */
export function isBefore(one, other) {
  return one.created === other.created ? one.number > other.number : one.created > other.created;
}

/**
 * A day in words: today, yesterday, or its date.
 * @param {number} day @param {(key: string) => string} t @param {string} language
 */
export function nameDay(day, t, language) {
  const today = new Date();
  const back = (/** @type {number} */ days) => new Date(today).setDate(today.getDate() - days);
  if (day === dayOf(back(0) / 1000)) return t("today");
  if (day === dayOf(back(1) / 1000)) return t("yesterday");
  const locale = language === "zh" ? "zh-CN" : "en-GB";
  return new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", year: "numeric" }).format(day);
}
