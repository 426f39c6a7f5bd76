const START_OF_SCAN = Buffer.from([0xff, 0xda]);
const END_OF_IMAGE = Buffer.from([0xff, 0xd9]);

/**
 * Whether the marker "end of image" follows the last scan (ITU-T T.81, annex B). Within a scan no marker can occur, and
 * decoders forgive its absence, so a picture whose last bytes are cut off would pass.
 */
export function isWholeJpeg(bytes: Uint8Array): boolean {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return all.lastIndexOf(END_OF_IMAGE) > all.lastIndexOf(START_OF_SCAN);
}
