import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { z } from 'zod';
import type { ApiDependencies } from './dependencies.ts';
import type { StreamedAnswer, StreamedMedia } from './streamed-answer.ts';

/** How something stands, and whether that is how it ends. */
export interface Progress {
  readonly data: unknown;
  readonly final: boolean;
}

/** What a route declares whose answer are server-sent events, each with such data. */
export function progressEvents(data: z.ZodType): StreamedMedia {
  return { mediaType: 'text/event-stream', schema: data };
}

/**
 * Server-sent events: `progress` with how it stands now and then with each change, and at the end `done`, which a client
 * need not ask again after. A stream that ends without `done` was cut off: asked for again, it goes on.
 *
 * @param first how it stands now.
 * @param look reads how it stands.
 */
export function watchProgress(
  { dials }: Pick<ApiDependencies, 'dials'>,
  first: Progress,
  look: () => Promise<Progress>,
): StreamedAnswer {
  return {
    write: async (output, stopping) => {
      // Who hung up before the answer began is told nothing, and nothing tells of it any more.
      if (output.destroyed) return;
      const gone = new AbortController();
      output.once('close', () => gone.abort());
      const ended = AbortSignal.any([gone.signal, stopping]);
      let told = '';
      let toldAt = 0;
      for (let now = first; !ended.aborted; now = await look()) {
        const data = JSON.stringify(now.data);
        if (now.final || data !== told) {
          await send(output, `event: ${now.final ? 'done' : 'progress'}\ndata: ${data}\n\n`, ended);
          [told, toldAt] = [data, Date.now()];
        } else if (Date.now() - toldAt >= dials.get('progress.heartbeat_ms')) {
          await send(output, ': it is as it was\n\n', ended);
          toldAt = Date.now();
        }
        if (now.final) break;
        await pause(dials.get('progress.look_every_ms'), undefined, { signal: ended }).catch(() => undefined);
        if (ended.aborted) break;
      }
      output.end();
    },
  };
}

/** Waits for a client that reads slowly, but not for one that is gone. */
async function send(output: Writable, text: string, ended: AbortSignal): Promise<void> {
  if (!output.write(text) && !output.destroyed) await once(output, 'drain', { signal: ended }).catch(() => undefined);
}
