import { elementAt, unsigned, variableLength } from './ebml.ts';
import { CUT, type Extent } from './extent.ts';

/** Elements of Matroska (RFC 9559, section 5.1) by their ids. */
const SEGMENT = 0x18538067;
const CLUSTER = 0x1f43b675;
const BLOCK_GROUP = 0xa0;
const INFO = 0x1549a966;
const TIMESTAMP_SCALE = 0x2ad7b1;
const CLUSTER_TIMESTAMP = 0xe7;
const SIMPLE_BLOCK = 0xa3;
const BLOCK = 0xa1;

/** Elements that are entered; all others are stepped over. */
const CONTAINERS = new Set([SEGMENT, CLUSTER, BLOCK_GROUP, INFO]);

const DEFAULT_SCALE_NANOSECONDS = 1_000_000;
/** Eleven hours in blocks of 20 ms; more in a shorter time come from nobody who records. */
const MAX_ELEMENTS = 2_000_000;

/**
 * WebM: each element says its length, and each block its time. Recordings of browsers have no length in their header,
 * so the time of the last block is what there is to go by.
 */
export function webmExtent(bytes: Uint8Array): Extent {
  let scale = DEFAULT_SCALE_NANOSECONDS;
  let clusterTime = 0;
  let lastTime: number | undefined;
  let offset = 0;
  for (let count = 0; offset < bytes.length; count++) {
    const element = count < MAX_ELEMENTS ? elementAt(bytes, offset) : undefined;
    if (element === undefined || !isComplete(element, bytes.length)) return CUT;
    const { id, start, end } = element;
    if (id === TIMESTAMP_SCALE) scale = unsigned(bytes, start, end);
    if (id === CLUSTER_TIMESTAMP) clusterTime = unsigned(bytes, start, end);
    if (id === SIMPLE_BLOCK || id === BLOCK) {
      lastTime = Math.max(lastTime ?? 0, clusterTime + blockTime(bytes, start));
    }
    offset = CONTAINERS.has(id) ? start : end;
  }
  return lastTime === undefined ? CUT : { whole: true, durationMs: (lastTime * scale) / 1_000_000 };
}

/** Only what holds further elements may leave its length open. */
function isComplete({ id, end }: { id: number; end: number }, fileBytes: number): boolean {
  return end <= fileBytes || (end === Infinity && CONTAINERS.has(id));
}

/** A block's time counts from its cluster's, may be before it, and comes after the track number. */
function blockTime(bytes: Uint8Array, start: number): number {
  const at = start + variableLength(bytes[start]);
  const value = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  return (value << 16) >> 16;
}
