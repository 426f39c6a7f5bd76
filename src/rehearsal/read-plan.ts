import { parseArgs } from 'node:util';
import { z } from 'zod';
import { EarshotError } from '../domain/errors.ts';
import type { Period } from './past-arrivals.ts';

export const USAGE = `npm run rehearse -- --from TIME --to TIME [options]

Lets what came between two moments (ISO 8601 with a zone, as 2026-11-16T09:00:00Z) come again, against a shadow of the queues with the times that were measured.

  --times N              how many times as many arrivals (2)
  --tenant NAME          whose (default)
  --processes N          worker processes there were, with EARSHOT_AUDIO_STEPS and EARSHOT_VISION_STEPS each (1)
  --audio-places N       pieces of recordings that are to be recognised at a time, of all processes (as there were)
  --vision-places N      texts and captions of screens that are to be read at a time (as there were)
  --chat-places N        joined requests for vectors that are to be under way at a time (as there were)
  --against-from TIME    what really came later, to be compared with
  --against-to TIME
  --price-per-hour X     of an hour for which a place is busy, in any currency
  --json                 prints JSON instead of a table`;

/** What the command line asks for; places that it does not name are as they were. */
export interface RehearsalArguments {
  readonly tenant: string;
  readonly period: Period;
  readonly times: number;
  readonly processes: number;
  readonly places: { readonly audio?: number; readonly screenshot?: number; readonly chat?: number };
  readonly against: Period | null;
  readonly pricePerHour: number | null;
  readonly json: boolean;
}

const OPTIONS = {
  from: { type: 'string' },
  to: { type: 'string' },
  times: { type: 'string', default: '2' },
  tenant: { type: 'string', default: 'default' },
  processes: { type: 'string', default: '1' },
  'audio-places': { type: 'string' },
  'vision-places': { type: 'string' },
  'chat-places': { type: 'string' },
  'against-from': { type: 'string' },
  'against-to': { type: 'string' },
  'price-per-hour': { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;

const WEEK_MS = 7 * 86_400_000;
const MOST_TIMES = 100;

/** @throws EarshotError `misconfigured` naming the option at fault. */
export function readPlan(given: readonly string[]): RehearsalArguments {
  const values = parse(given);
  const whole = (name: string, text: string) => numberIn(name, text, { least: 1, most: 65_536, whole: true });
  const { 'audio-places': audio, 'vision-places': vision, 'chat-places': chat } = values;
  const { 'against-from': againstFrom, 'against-to': againstTo, 'price-per-hour': price } = values;
  return {
    tenant: values.tenant,
    period: periodOf('--from and --to', values.from, values.to),
    times: numberIn('--times', values.times, { least: 0.01, most: MOST_TIMES, whole: false }),
    processes: whole('--processes', values.processes),
    places: {
      ...(audio === undefined ? {} : { audio: whole('--audio-places', audio) }),
      ...(vision === undefined ? {} : { screenshot: whole('--vision-places', vision) }),
      ...(chat === undefined ? {} : { chat: whole('--chat-places', chat) }),
    },
    against:
      againstFrom === undefined && againstTo === undefined
        ? null
        : periodOf('--against-from and --against-to', againstFrom, againstTo),
    pricePerHour:
      price === undefined ? null : numberIn('--price-per-hour', price, { least: 0, most: 1e9, whole: false }),
    json: values.json,
  };
}

function parse(given: readonly string[]) {
  try {
    return parseArgs({ args: [...given], options: OPTIONS }).values;
  } catch (error) {
    throw new EarshotError('misconfigured', `${(error as Error).message}\n\n${USAGE}`);
  }
}

function periodOf(names: string, from: string | undefined, to: string | undefined): Period {
  const period = { from: momentOf(from), to: momentOf(to) };
  const lengthMs = period.to.getTime() - period.from.getTime();
  if (lengthMs > 0 && lengthMs <= WEEK_MS) return period;
  throw new EarshotError(
    'misconfigured',
    `${names} must be two moments with their time zone, the first before, at most a week apart\n\n${USAGE}`,
  );
}

const ISO_8601 = z.iso.datetime({ offset: true });

function momentOf(text: string | undefined): Date {
  return new Date(ISO_8601.safeParse(text).data ?? NaN);
}

interface Bounds {
  readonly least: number;
  readonly most: number;
  readonly whole: boolean;
}

function numberIn(name: string, text: string, { least, most, whole }: Bounds): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (value >= least && value <= most && (!whole || Number.isInteger(value))) return value;
  throw new EarshotError('misconfigured', `${name} must be a ${whole ? 'whole ' : ''}number from ${least} to ${most}`);
}
