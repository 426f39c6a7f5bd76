import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { DIALS } from '../../src/domain/dials.ts';
import { audit, type Look } from './audit.ts';
import { openChannel, type Channel } from './channel.ts';
import { lookByApi } from './look-by-api.ts';
import { lookBySql } from './look-by-sql.ts';
import type { LoadOptions } from './options.ts';
import { htmlOf } from './report/html.ts';
import { reportOf, type LoadReport } from './report/report.ts';
import { requestOf } from './requests.ts';
import { scheduleOf } from './schedule.ts';
import { channelsOf, nothingSent, sendAll } from './sender.ts';
import { openSoundBooth } from './sound.ts';
import type { Target } from './target.ts';
import { untilQuiet, waitingByApi, waitingBySql, watch, type LookAtWaiting, type Sample } from './watch.ts';
import { openWitness } from './witness.ts';

const TENANT = 'default';
/** A count of what waits is cheap by its index; by the API it comes with percentiles of a day. */
const LOOK_BY_SQL_MS = 1_000;
const LOOK_BY_API_MS = 5_000;
/** Sending starts when all is prepared. */
const LEAD_MS = 500;
const QUESTION_SOCKETS = 8;

/** A name for a run: when it began, and what tells it from another of the same second. */
export function runName(): string {
  const time = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  return `${time}-${randomBytes(2).toString('hex')}`;
}

/**
 * Sends the load to an Earshot, waits until it is quiet, audits every acknowledged record, and writes `witness.jsonl`,
 * `report.json` and `report.html` into the folder.
 *
 * @param stop ends the sending early; what was sent is still waited for, audited and reported.
 * @param tell told of each sample while it runs, and of what it waits for.
 */
export async function runLoad(
  run: string,
  folder: string,
  options: LoadOptions,
  target: Target,
  stop: AbortSignal,
  tell: (phase: string, sample: Sample) => void,
): Promise<LoadReport> {
  await mkdir(folder, { recursive: true });
  const schedule = scheduleOf(options.schedule);
  const booth = openSoundBooth(options.sampleRate, options.schedule.profile.call.longestMs);
  const witness = openWitness(join(folder, 'witness.jsonl'));
  const messages = openChannel(target.url, target.apiKey, options.sockets.messages);
  const uploads = openChannel(target.url, target.apiKey, options.sockets.uploads);
  const eyes = openEyes(target);
  const sent = nothingSent();
  const startedAt = Date.now() + LEAD_MS;
  let phase = 'sending';
  const watching = watch({
    startedAt,
    everyMs: eyes.everyMs,
    sent,
    channel: eyes.channel,
    processes: target.processes,
    lookAtWaiting: eyes.waiting,
    tell: (sample) => tell(phase, sample),
  });
  try {
    const settings = { run, startedAt, booth, screen: options.screen };
    const delivered = await sendAll(
      schedule,
      {
        startedAt,
        channels: channelsOf(messages, uploads),
        witness,
        patienceMs: options.patienceMs,
        stop,
        request: (arrival) => requestOf(arrival, settings),
      },
      sent,
    );
    await witness.close();
    phase = 'waiting until quiet';
    const quiet = await untilQuiet(eyes.waiting, eyes.everyMs, options.quietWithinMs);
    await watching.stop();
    const measured = {
      run,
      startedAt,
      schedule,
      options: options.schedule,
      sent,
      delivered,
      audit: await audit(delivered, eyes.look, await lateAfterMs(eyes.channel)),
      quiet,
      samples: watching.samples,
      models: await target.modelStats(),
    };
    const report = reportOf(measured);
    await writeFile(join(folder, 'report.json'), `${JSON.stringify(report)}\n`);
    await writeFile(join(folder, 'report.html'), htmlOf(report));
    return report;
  } finally {
    await watching.stop();
    messages.close();
    uploads.close();
    await eyes.close();
  }
}

interface Eyes {
  readonly channel: Channel;
  readonly everyMs: number;
  readonly waiting: LookAtWaiting;
  readonly look: Look;
  close(): Promise<void>;
}

/** What the run sees through: the database where it is given, else the API. */
function openEyes({ url, apiKey, databaseUrl }: Target): Eyes {
  const channel = openChannel(url, apiKey, QUESTION_SOCKETS);
  if (databaseUrl === undefined) {
    const close = () => Promise.resolve(channel.close());
    return { channel, everyMs: LOOK_BY_API_MS, waiting: waitingByApi(channel), look: lookByApi(channel), close };
  }
  const database = new pg.Pool({ connectionString: databaseUrl, max: 2, options: `-c earshot.tenant=${TENANT}` });
  // A connection that the server closes while nobody uses it is opened anew.
  database.on('error', () => undefined);
  return {
    channel,
    everyMs: LOOK_BY_SQL_MS,
    waiting: waitingBySql(database, TENANT),
    look: lookBySql(database, TENANT),
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
