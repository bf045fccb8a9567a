/** @import { Raster } from "./raster.js" */

/** A PNG of one bit a pixel, written row by row: a canvas of a very large picture would take its memory four times. */

const SIGNATURE = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);
const ROWS_AT_ONCE = 512;
const CRCS = Uint32Array.from({ length: 256 }, (_, start) => {
  let value = start;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** Write a region as PNG, white where it is marked. @param {Raster} raster @returns {Promise<ArrayBuffer>} */
export async function encodePng(raster) {
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, raster.width);
  header.setUint32(4, raster.height);
  header.setUint8(8, 1); // one bit, grey; the other fields are 0
  const rows = new Blob([...packRows(raster)]).stream().pipeThrough(new CompressionStream("deflate"));
  const packed = new Uint8Array(await new Response(rows).arrayBuffer());
  const empty = new Uint8Array(0);
  const parts = [
    createChunk("IHDR", new Uint8Array(header.buffer)),
    createChunk("IDAT", packed),
    createChunk("IEND", empty),
  ];
  return new Blob([SIGNATURE, ...parts]).arrayBuffer();
}

/** @param {Raster} raster */
function* packRows(raster) {
  const stride = Math.ceil(raster.width / 8) + 1; // before each row, how it is filtered: not at all
  for (let top = 0; top < raster.height; top += ROWS_AT_ONCE) {
    const count = Math.min(ROWS_AT_ONCE, raster.height - top);
    const bytes = new Uint8Array(stride * count);
    for (let row = 0; row < count; row++) raster.packRow(top + row, bytes, stride * row + 1);
    yield bytes;
  }
}

/** @param {string} type @param {Uint8Array} data */
function createChunk(type, data) {
  const bytes = new Uint8Array(data.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  let crc = 0xffffffff;
  for (const byte of bytes.subarray(4, data.length + 8)) crc = CRCS[(crc ^ byte) & 255] ^ (crc >>> 8);
  view.setUint32(data.length + 8, ~crc >>> 0);
  return bytes;
}
