import { randomOf } from '../random.ts';
import { talk } from '../support-talk.ts';
import type { ScreenMaker } from './picture.ts';
import type { ScheduledArrival } from './schedule.ts';
import type { SoundBooth } from './sound.ts';

/** What a channel sends for an arrival. */
export interface ChannelRequest {
  readonly path: string;
  readonly contentType: string;
  readonly body: readonly Uint8Array[];
}

export interface RequestSettings {
  /** Put before every name, so that runs of one seed do not repeat each other's records. */
  readonly run: string;
  /** The wall clock at the run's millisecond 0. */
  readonly startedAt: number;
  readonly booth: SoundBooth;
  readonly screen: ScreenMaker;
}

const BOUNDARY = 'earshot-load-7d3f1c';
const FORM = `multipart/form-data; boundary=${BOUNDARY}`;

/** The same arrival gives the same bytes, however often it is asked for. */
export async function requestOf(arrival: ScheduledArrival, settings: RequestSettings): Promise<ChannelRequest> {
  const { run, startedAt } = settings;
  const name = `${run}-${arrival.name}`;
  const customerId = `${run}-customer-${arrival.customer}`;
  const capturedAt = new Date(startedAt + arrival.capturedMs);
  switch (arrival.kind) {
    case 'message': {
      const random = randomOf(name);
      const message = {
        messageId: name,
        customerId,
        sentAt: capturedAt,
        author: random.next() < 0.5 ? 'customer' : 'agent',
        text: talk(random, 1 + random.below(2)),
        sequence: arrival.sequence,
      };
      const path = `/v1/chats/${run}-${arrival.conversation}/messages`;
      return { path, contentType: 'application/json', body: [Buffer.from(JSON.stringify(message))] };
    }
    case 'call': {
      const startedAt = new Date(capturedAt.getTime() - arrival.lengthMs);
      const metadata = { callId: name, customerId, startedAt, endedAt: capturedAt };
      const sound = settings.booth.record(name, arrival.lengthMs);
      return { path: '/v1/calls', contentType: FORM, body: form('audio', 'audio/wav', sound, metadata) };
    }
    case 'screenshot': {
      const picture = await settings.screen(name);
      const metadata = { screenshotId: name, customerId, capturedAt };
      return { path: '/v1/screenshots', contentType: FORM, body: form('image', 'image/png', [picture], metadata) };
    }
  }
}

/** A form by RFC 7578, without a copy of its file. */
function form(part: string, type: string, file: readonly Uint8Array[], metadata: unknown): Uint8Array[] {
  const head = (disposition: string) => `--${BOUNDARY}\r\ncontent-disposition: form-data; ${disposition}\r\n`;
  return [
    Buffer.from(`${head('name="metadata"')}\r\n${JSON.stringify(metadata)}\r\n`),
    Buffer.from(`${head(`name="${part}"; filename="upload"`)}content-type: ${type}\r\n\r\n`),
    ...file,
    Buffer.from(`\r\n--${BOUNDARY}--\r\n`),
  ];
}
