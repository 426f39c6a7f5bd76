import type { WriteStream } from 'node:tty';
import type { Sample } from './watch.ts';
import { told } from './report/wording.ts';

/** A pipe or a log gets a line as often. */
const LINE_EVERY_MS = 10_000;

/** Says how a run goes: in one line that is written over in a terminal, in a line every ten seconds elsewhere. */
export function statusLine(out: WriteStream): { tell(phase: string, sample: Sample): void; end(): void } {
  let lastAt = -Infinity;
  let open = false;
  return {
    tell: (phase, sample) => {
      const line = `${phase}, ${lineOf(sample)}`;
      if (out.isTTY) {
        open = true;
        return void out.write(`\r${line.slice(0, out.columns - 1)}\u001b[K`);
      }
      if (sample.atMs - lastAt < LINE_EVERY_MS) return;
      lastAt = sample.atMs;
      out.write(`… ${line}\n`);
    },
    end: () => {
      if (open) out.write('\n');
      open = false;
    },
  };
}

function lineOf({ atMs, due, accepted, refused, inFlight, waiting, oldestMs }: Sample): string {
  const waits = Object.values(waiting).reduce((sum, count) => sum + count, 0);
  const backlog = `${waits} not yet reachable (oldest ${told(oldestMs)})`;
  return `${Math.max(0, atMs / 1000).toFixed(0)} s: ${due} due, ${accepted} accepted, ${refused} refused, ${inFlight} in flight, ${backlog}`;
}
