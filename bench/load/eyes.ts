import pg from 'pg';
import { DIALS } from '../../src/domain/dials.ts';
import type { Look } from './audit.ts';
import { openChannel, type Channel } from './channel.ts';
import { lookByApi } from './look-by-api.ts';
import { lookBySql } from './look-by-sql.ts';
import type { Target } from './target.ts';
import { waitingByApi, waitingBySql, type LookAtWaiting } from './watch.ts';

const TENANT = 'default';
/** A count of what waits is cheap by its index; by the API it comes with percentiles of a day. */
const LOOK_BY_SQL_MS = 1_000;
const LOOK_BY_API_MS = 5_000;
const QUESTION_SOCKETS = 8;

/** Through what a run sees an Earshot: its database where that is given, else its API. */
export interface Eyes {
  readonly channel: Channel;
  readonly everyMs: number;
  readonly waiting: LookAtWaiting;
  readonly look: Look;
  /** The dial `late.after_ms`. */
  lateAfterMs(): Promise<number>;
  close(): Promise<void>;
}

export function openEyes({ url, apiKey, databaseUrl }: Pick<Target, 'url' | 'apiKey' | 'databaseUrl'>): Eyes {
  const channel = openChannel(url, apiKey, QUESTION_SOCKETS);
  if (databaseUrl === undefined) {
    const close = () => Promise.resolve(channel.close());
    const looks = { waiting: waitingByApi(channel), look: lookByApi(channel) };
    return { channel, everyMs: LOOK_BY_API_MS, ...looks, lateAfterMs: () => lateAfterMs(channel), close };
  }
  const database = new pg.Pool({ connectionString: databaseUrl, max: 2, options: `-c earshot.tenant=${TENANT}` });
  // A connection that the server closes while nobody uses it is opened anew.
  database.on('error', () => undefined);
  return {
    channel,
    everyMs: LOOK_BY_SQL_MS,
    waiting: waitingBySql(database, TENANT),
    look: lookBySql(database, TENANT),
    lateAfterMs: () => lateAfterMs(channel),
    close: async () => {
      channel.close();
      await database.end();
    },
  };
}

async function lateAfterMs(channel: Channel): Promise<number> {
  const { status, body } = await channel.get('/v1/dials');
  const dials = (status === 200 ? body['dials'] : []) as { name: string; value: number }[];
  return dials.find(({ name }) => name === 'late.after_ms')?.value ?? DIALS['late.after_ms'].defaultValue;
}
