import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { audit } from './audit.ts';
import { openChannel } from './channel.ts';
import { openEyes } from './eyes.ts';
import type { LoadOptions } from './options.ts';
import { screenPicture, writtenScreen } from './picture.ts';
import { htmlOf } from './report/html.ts';
import { reportOf, type LoadReport } from './report/report.ts';
import { requestOf } from './requests.ts';
import { scheduleOf } from './schedule.ts';
import { channelsOf, nothingSent, sendAll } from './sender.ts';
import { noise, openSoundBooth, speech } from './sound.ts';
import type { Target } from './target.ts';
import { untilQuiet, watch, type Sample } from './watch.ts';
import { openWitness } from './witness.ts';

/** Sending starts when all is prepared. */
const LEAD_MS = 500;

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
  const materials = await materialsOf(options);
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
    const settings = { run, startedAt, ...materials };
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
      audit: await audit(delivered, eyes.look, await eyes.lateAfterMs()),
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

/** Real models get what they can make something of: speech to hear, and letters to read. */
async function materialsOf({ models, sampleRate, screen: { width, height } }: LoadOptions) {
  const isReal = models === 'real';
  const make = isReal ? writtenScreen : screenPicture;
  return {
    booth: openSoundBooth(isReal ? await speech() : noise(sampleRate)),
    screen: (name: string) => make(name, width, height),
  };
}
