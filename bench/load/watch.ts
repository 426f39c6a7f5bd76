import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { Modality } from '../../src/domain/interaction.ts';
import type { Channel } from './channel.ts';
import { OWN_VIEW_PATH, ownViewOf, type OwnView } from './own-view.ts';
import { usesOf, type ProcessUse } from './processes.ts';
import type { Sent } from './sender.ts';

/** What was seen of Earshot at a moment. */
export interface Sample {
  /** Milliseconds since the run began. */
  readonly atMs: number;
  readonly due: number;
  readonly accepted: number;
  readonly refused: number;
  readonly inFlight: number;
  /** Records accepted and not yet reachable, and the age of the oldest of them. */
  readonly waiting: Readonly<Partial<Record<Modality, number>>>;
  readonly oldestMs: number;
  /** What Earshot said of itself; undefined where it did not, or was not asked. */
  readonly own: OwnView | undefined;
  readonly processes: Readonly<Record<string, ProcessUse>>;
}

interface Waiting {
  readonly waiting: Readonly<Partial<Record<Modality, number>>>;
  readonly oldestMs: number;
}

/** Reads how much waits. */
export type LookAtWaiting = () => Promise<Waiting>;

export function waitingBySql(database: pg.Pool, tenant: string): LookAtWaiting {
  const text = `
    select modality, count(*)::integer as waiting,
      (extract(epoch from now() - min(accepted_at)) * 1000)::float8 as oldest_ms
    from freshness where tenant = $1 and state in ('accepted', 'processing')
    group by modality`;
  return async () => {
    const { rows } = await database.query<{ modality: Modality; waiting: number; oldest_ms: number }>(text, [tenant]);
    return {
      waiting: Object.fromEntries(rows.map(({ modality, waiting }) => [modality, waiting])),
      oldestMs: rows.reduce((oldest, row) => Math.max(oldest, row.oldest_ms), 0),
    };
  };
}

export function waitingByApi(channel: Channel): LookAtWaiting {
  return async () => {
    const { status, body } = await channel.get('/v1/freshness?window=24h');
    if (status !== 200) throw new Error(`GET /v1/freshness answered ${status}`);
    const rows = body['modalities'] as { modality: Modality; waiting: number; oldestWaitingMs: number | null }[];
    return {
      waiting: Object.fromEntries(rows.map(({ modality, waiting }) => [modality, waiting])),
      oldestMs: rows.reduce((oldest, row) => Math.max(oldest, row.oldestWaitingMs ?? 0), 0),
    };
  };
}

export interface WatchSettings {
  readonly startedAt: number;
  readonly everyMs: number;
  readonly sent: Sent;
  readonly channel: Channel;
  readonly processes: Readonly<Record<string, number>>;
  lookAtWaiting: LookAtWaiting;
  /** Told of each sample. */
  tell(sample: Sample): void;
}

export interface Watch {
  readonly samples: readonly Sample[];
  stop(): Promise<void>;
}

/** Earshot's own figures are of several seconds, and cost it queries: they are asked for with every fifth sample. */
const OWN_VIEW_EVERY = 5;

/** Looks at regular times until it is stopped. A look that fails is left out: the system under load may be away. */
export function watch(settings: WatchSettings): Watch {
  const { startedAt, everyMs, sent, channel, processes } = settings;
  const samples: Sample[] = [];
  const stopping = new AbortController();
  const ownView = async () => {
    const { status, body } = await channel.get(OWN_VIEW_PATH);
    return status === 200 ? ownViewOf(body) : undefined;
  };
  const look = async () => {
    const asksOwn = samples.length % OWN_VIEW_EVERY === 0;
    const [waiting, own] = await Promise.all([settings.lookAtWaiting(), asksOwn ? ownView() : undefined]);
    const refused = [...sent.refused.values()].reduce((sum, count) => sum + count, 0);
    const { due, accepted, inFlight } = sent;
    const counts = { atMs: Date.now() - startedAt, due, accepted, refused, inFlight };
    samples.push({ ...counts, ...waiting, own, processes: usesOf(processes) });
    settings.tell(samples.at(-1)!);
  };
  const looking = (async () => {
    while (!stopping.signal.aborted) {
      await look().catch(() => undefined);
      await delay(everyMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();
  return {
    samples,
    stop: async () => {
      stopping.abort();
      await looking;
    },
  };
}

/** Waits until nothing waits any more; answers whether it came to that in time. */
export async function untilQuiet(look: LookAtWaiting, everyMs: number, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const seen = await look().catch(() => undefined);
    if (seen !== undefined && Object.values(seen.waiting).every((count) => count === 0)) return true;
    if (Date.now() > deadline) return false;
    await delay(everyMs);
  }
}
