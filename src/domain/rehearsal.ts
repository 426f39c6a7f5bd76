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

/**
 * Lets records pass a queue with its places, first come first served (a multi-server queue, G/G/c in Kendall's notation): each
 * piece waits for the place that is free first. A record is reachable when its last piece is done and `restMs` have passed.
 *
 * @param records in the order of arrival.
 */
export function rehearse(records: readonly RehearsedRecord[], servers: Servers, restMs: number): Rehearsed {
  const free = new FreeTimes(servers.places);
  const ends = records.map(({ arrivedMs }) => arrivedMs);
  const pieces = records.flatMap((record, of) =>
    record.piecesMs.map((takesMs) => ({ of, takesMs, arrivedMs: record.arrivedMs })),
  );
  let busyMs = 0;
  for (let next = 0; next < pieces.length;) {
    const startMs = Math.max(free.earliest(), pieces[next]!.arrivedMs);
    const first = next;
    while (next < pieces.length && next - first < servers.together && pieces[next]!.arrivedMs <= startMs) next++;
    const group = pieces.slice(first, next);
    const takesMs = mostOf(group.map((piece) => piece.takesMs));
    busyMs += takesMs;
    free.take(startMs + takesMs);
    for (const { of } of group) ends[of] = Math.max(ends[of]!, startMs + takesMs);
  }
  const reachable = ends.map((endMs) => endMs + restMs);
  return {
    lagsMs: records.map(({ arrivedMs, capturedAgoMs }, index) => capturedAgoMs + reachable[index]! - arrivedMs),
    mostWaiting: mostWaiting(records, reachable),
    drainMs: Math.max(0, mostOf(reachable) - (records.at(-1)?.arrivedMs ?? 0)),
    busyMs,
  };
}

/** Beside its longest piece a record took so long when it hardly queued: of all, the quarter that took least (their 25th percentile). */
export function restOf(records: readonly RehearsedRecord[]): number {
  const rests = records.flatMap(({ measuredMs, piecesMs }) =>
    measuredMs === null ? [] : [Math.max(0, measuredMs - mostOf(piecesMs))],
  );
  return percentileOf(rests, 0.25) ?? 0;
}

/** No more places are looked for. */
const MOST_PLACES = 65_536;

/** The fewest places with which the 99th percentile stays within a budget; null where no number does, for the work alone takes longer. */
export function placesNeeded(
  records: readonly RehearsedRecord[],
  together: number,
  restMs: number,
  budgetMs: number,
): number | null {
  const isEnough = (places: number) =>
    (percentileOf(rehearse(records, { places, together }, restMs).lagsMs, 0.99) ?? 0) <= budgetMs;
  let enough = 1;
  while (!isEnough(enough)) {
    if (enough >= MOST_PLACES) return null;
    enough *= 2;
  }
  let tooFew = Math.floor(enough / 2);
  while (enough - tooFew > 1) {
    const middle = Math.floor((enough + tooFew) / 2);
    if (isEnough(middle)) enough = middle;
    else tooFew = middle;
  }
  return enough;
}

/** By nearest rank; null of nothing. */
export function percentileOf(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
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

/** When each of some places is free, as a binary heap. */
class FreeTimes {
  readonly #times: number[];

  constructor(places: number) {
    this.#times = new Array<number>(places).fill(-Infinity);
  }

  earliest(): number {
    return this.#times[0]!;
  }

  /** The place that is free first is busy until then. */
  take(untilMs: number): void {
    const times = this.#times;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      const least = right < times.length && times[right]! < times[left]! ? right : left;
      if (least >= times.length || times[least]! >= untilMs) break;
      times[at] = times[least]!;
      at = least;
    }
    times[at] = untilMs;
  }
}
