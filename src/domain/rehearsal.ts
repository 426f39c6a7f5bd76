import { Heap } from './heap.ts';
import { percentileOf } from './percentile.ts';

/** A record as it came: what a rehearsal lets come again. */
export interface RehearsedRecord {
  /** When it was accepted, in milliseconds of any clock. */
  readonly arrivedMs: number;
  /** From its capture to its acceptance. */
  readonly capturedAgoMs: number;
  /** How long a place was busy with each of its pieces. */
  readonly piecesMs: readonly number[];
  /** From its acceptance until it was reachable, as it was measured; null when it never was. */
  readonly measuredMs: number | null;
}

/** Who serves a queue. */
export interface Servers {
  /** Pieces, or groups of them, that are under way at a time. */
  readonly places: number;
  /** The most pieces that one place takes together, in the time of the longest. */
  readonly together: number;
  /** Pieces of one record that are under way at a time. */
  readonly perRecord: number;
}

export interface Rehearsed {
  /** From capture to reachable, of each record, in the order of arrival. */
  readonly lagsMs: readonly number[];
  /** Records that were there and not yet reachable, at most. */
  readonly mostWaiting: number;
  /** From the last arrival until nothing waited. */
  readonly drainMs: number;
  /** For how long places were busy, in sum. */
  readonly busyMs: number;
}

/** Within this time the copies of a record follow it. */
const SPREAD_MS = 60_000;

/**
 * The same arrivals so many times: whole streams of them laid over one another, each shifted by a part of a minute, so that
 * bursts stay bursts; of the last, with a fraction, that share of the records, evenly.
 *
 * @param records in the order of arrival.
 * @param times above 0; below 1 it thins out.
 */
export function manyTimes(records: readonly RehearsedRecord[], times: number): RehearsedRecord[] {
  const streams = Math.ceil(times);
  const shifted = Array.from({ length: streams }, (_, stream) => {
    const share = Math.min(1, times - stream);
    const kept = records.filter((_record, index) => Math.floor((index + 1) * share) > Math.floor(index * share));
    const shiftMs = (stream * SPREAD_MS) / streams;
    return kept.map((record) => ({ ...record, arrivedMs: record.arrivedMs + shiftMs }));
  });
  return shifted.flat().toSorted((a, b) => a.arrivedMs - b.arrivedMs);
}

interface Piece {
  /** Its record, by the order of arrival. */
  readonly of: number;
  readonly takesMs: number;
  /** From when a place may take it. */
  readonly fromMs: number;
  /** Place among the pieces of its record. */
  readonly number: number;
}

/**
 * Lets records pass a queue with its places, first come first served (a multi-server queue, G/G/c in Kendall's notation): each
 * piece waits for the place that is free first, and, where its record has as many under way as it may, for one of these.
 * A record is reachable when its last piece is done and `restMs` have passed.
 *
 * @param records in the order of arrival.
 */
export function rehearse(records: readonly RehearsedRecord[], servers: Servers, restMs: number): Rehearsed {
  const { places, together, perRecord } = servers;
  const free = new Heap<number>((a, b) => a < b, new Array<number>(places).fill(-Infinity));
  const waiting = new Heap<Piece>((a, b) => a.fromMs < b.fromMs || (a.fromMs === b.fromMs && a.of < b.of));
  const ends = records.map(({ arrivedMs }) => arrivedMs);
  records.forEach(({ arrivedMs, piecesMs }, of) => {
    piecesMs.slice(0, perRecord).forEach((takesMs, number) => waiting.push({ of, takesMs, fromMs: arrivedMs, number }));
  });
  let busyMs = 0;
  for (let next = waiting.top; next !== undefined; next = waiting.top) {
    const startMs = Math.max(free.pop()!, next.fromMs);
    const group = takeTogether(waiting, startMs, together);
    const takesMs = mostOf(group.map((piece) => piece.takesMs));
    const endMs = startMs + takesMs;
    busyMs += takesMs;
    free.push(endMs);
    for (const { of, number } of group) {
      ends[of] = Math.max(ends[of]!, endMs);
      const following = records[of]!.piecesMs[number + perRecord];
      if (following !== undefined) waiting.push({ of, takesMs: following, fromMs: endMs, number: number + perRecord });
    }
  }
  const reachable = ends.map((endMs) => endMs + restMs);
  return {
    lagsMs: records.map(({ arrivedMs, capturedAgoMs }, index) => capturedAgoMs + reachable[index]! - arrivedMs),
    mostWaiting: mostWaiting(records, reachable),
    drainMs: Math.max(0, mostOf(reachable) - (records.at(-1)?.arrivedMs ?? 0)),
    busyMs,
  };
}

function takeTogether(waiting: Heap<Piece>, startMs: number, most: number): Piece[] {
  const group: Piece[] = [];
  while (group.length < most && waiting.top !== undefined && waiting.top.fromMs <= startMs) group.push(waiting.pop()!);
  return group;
}

/**
 * Beside what it takes alone a record took so long when it hardly queued: of all, the quarter that took least (their 25th
 * percentile).
 */
export function restOf(records: readonly RehearsedRecord[], servers: Servers): number {
  const rests = records.flatMap(({ measuredMs, piecesMs }) => {
    if (measuredMs === null) return [];
    const alone = { arrivedMs: 0, capturedAgoMs: 0, piecesMs, measuredMs };
    return [Math.max(0, measuredMs - rehearse([alone], servers, 0).lagsMs[0]!)];
  });
  return percentileOf(rests, 0.25) ?? 0;
}

/** No more places are looked for. */
const MOST_PLACES = 65_536;

/** The fewest places with which the 99th percentile stays within a budget; null where no number does, for the work alone takes longer. */
export function placesNeeded(
  records: readonly RehearsedRecord[],
  { together, perRecord }: Omit<Servers, 'places'>,
  restMs: number,
  budgetMs: number,
): number | null {
  const isEnough = (places: number) => {
    const { lagsMs } = rehearse(records, { places, together, perRecord }, restMs);
    return (percentileOf(lagsMs, 0.99) ?? 0) <= budgetMs;
  };
  if (!isEnough(MOST_PLACES)) return null;
  let enough = 1;
  while (!isEnough(enough)) enough *= 2;
  let tooFew = Math.floor(enough / 2);
  while (enough - tooFew > 1) {
    const middle = Math.floor((enough + tooFew) / 2);
    if (isEnough(middle)) enough = middle;
    else tooFew = middle;
  }
  return enough;
}

function mostWaiting(records: readonly RehearsedRecord[], reachable: readonly number[]): number {
  const ends = reachable.toSorted((a, b) => a - b);
  let done = 0;
  let most = 0;
  records.forEach(({ arrivedMs }, index) => {
    while (ends[done]! <= arrivedMs) done++;
    most = Math.max(most, index + 1 - done);
  });
  return most;
}

/** The largest of numbers from 0, 0 of none. `Math.max` cannot be given as many. */
function mostOf(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}
