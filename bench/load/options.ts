import { parseArgs } from 'node:util';
import { STUB_DEFAULTS, type StubOptions } from '../stub-models/options.ts';
import { DAY_MS, HOUR_MS, PROFILES, type Profile } from './profile.ts';
import { scaleFor, type ScheduleOptions } from './schedule.ts';

/** How a load is run, as the command line says it. */
export interface LoadOptions {
  readonly schedule: ScheduleOptions;
  readonly models: 'stub' | 'real';
  readonly stub: Partial<StubOptions>;
  /** An Earshot that runs already; without it one is started. */
  readonly target:
    { readonly url: string; readonly apiKey: string; readonly databaseUrl: string | undefined } | undefined;
  readonly sockets: { readonly messages: number; readonly uploads: number };
  readonly patienceMs: number;
  /** Longest wait, after the last arrival, until all is reachable. */
  readonly quietWithinMs: number;
  /** Of recordings, in samples a second of one byte. */
  readonly sampleRate: number;
  readonly screen: { readonly width: number; readonly height: number };
  /** Dials to move in an Earshot that is started for the run. */
  readonly dials: Readonly<Record<string, number>>;
  /** The witness of an earlier run, which is audited again; nothing is sent then. */
  readonly audit: string | undefined;
  /** Leaves the data of the run's own stack on the disk. */
  readonly keep: boolean;
}

/** Mean arrival, as a multiple of the average day's in real time, when no scale is given: what two cores are to stand. */
const TIMES_AVERAGE = 10;

const FLAGS = {
  profile: { type: 'string', default: 'monday' },
  speed: { type: 'string', default: '60' },
  hours: { type: 'string', default: '9-11' },
  minutes: { type: 'string' },
  scale: { type: 'string' },
  times: { type: 'string', default: String(TIMES_AVERAGE) },
  seed: { type: 'string', default: '1' },
  'surge-share': { type: 'string' },
  skew: { type: 'string' },
  late: { type: 'string', default: '0.02' },
  duplicates: { type: 'string', default: '0.02' },
  'out-of-order': { type: 'string', default: '0.02' },
  models: { type: 'string', default: 'stub' },
  stub: { type: 'string', multiple: true, default: [] as string[] },
  url: { type: 'string' },
  key: { type: 'string' },
  database: { type: 'string' },
  sockets: { type: 'string', default: '64' },
  'upload-sockets': { type: 'string', default: '16' },
  'patience-seconds': { type: 'string', default: '600' },
  'quiet-within-seconds': { type: 'string', default: '600' },
  'sample-rate': { type: 'string', default: '8000' },
  screen: { type: 'string', default: '640x400' },
  dial: { type: 'string', multiple: true, default: [] as string[] },
  audit: { type: 'string' },
  keep: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

export const USAGE = `npm run load -- [flags]

what comes in
  --profile monday|average   the day whose shape is replayed (monday)
  --speed 60                 seconds of that day in one second
  --hours 9-11               the part of the day: hours, or 8:30-12
  --minutes N                how long the run sends; moves the end of the part
  --times 10                 mean arrival of the run, as a multiple of the average day's in real time …
  --scale X                  … or the share of the day's counts, from which that follows
  --seed 1                   the same seed sends the same
  --surge-share 0.28         of the day that comes between 09:00 and 11:00
  --skew 0.8                 of customers: exponent of Zipf's law
  --late 0.02 --duplicates 0.02 --out-of-order 0.02
  --sample-rate 8000         of recordings, one byte a sample (G.711)
  --screen 640x400           of pictures

where it goes
  --models stub|real         made-up answers with the latency of real ones, or the local models, which get spoken
                             and written words instead of noise
  --stub name=value          of the stub, such as speechRealTimeFactor=8 (${Object.keys(STUB_DEFAULTS).join(', ')})
  --dial name=value          moved before the run
  --url U --key K            an Earshot that runs; --database D lets the audit look into its tables
  --audit witness.jsonl      sends nothing, and looks for what an earlier run was promised there
  --sockets 64 --upload-sockets 16

how it ends
  --patience-seconds 600     how long an arrival that is refused is tried again
  --quiet-within-seconds 600 how long the end may take
  --keep                     leaves the stack's data on the disk`;

/** @throws Error with a line for a person. */
export function readOptions(args: readonly string[]): LoadOptions | 'help' {
  const { values } = parseArgs({ args: [...args], options: FLAGS, strict: true });
  if (values.help) return 'help';
  const models = values.models;
  if (models !== 'stub' && models !== 'real') throw new Error('--models must be stub or real');
  if (values.audit !== undefined && values.url === undefined) throw new Error('--audit needs --url and --key');
  const [width, height] = values.screen.split('x').map(Number);
  if (!(width! >= 16 && height! >= 16)) throw new Error('--screen must be like 640x400');
  return {
    schedule: scheduleFrom(values),
    models,
    stub: pairs('stub', values.stub, Object.keys(STUB_DEFAULTS)),
    target: targetOf(values),
    sockets: { messages: number(values, 'sockets', 1), uploads: number(values, 'upload-sockets', 1) },
    patienceMs: number(values, 'patience-seconds', 0) * 1000,
    quietWithinMs: number(values, 'quiet-within-seconds', 0) * 1000,
    sampleRate: number(values, 'sample-rate', 100),
    screen: { width: width!, height: height! },
    dials: pairs('dial', values.dial),
    audit: values.audit,
    keep: values.keep,
  };
}

type Values = ReturnType<typeof parseArgs<{ options: typeof FLAGS }>>['values'];

function scheduleFrom(values: Values): ScheduleOptions {
  const [fromMs, end] = hours(values.hours);
  const speed = number(values, 'speed', 0.001);
  const minutes = values.minutes === undefined ? undefined : number(values, 'minutes', 0.001);
  const toMs = minutes === undefined ? end : Math.min(fromMs + minutes * 60_000 * speed, DAY_MS);
  const share = (name: 'late' | 'duplicates' | 'out-of-order') => number(values, name, 0, 1);
  const options = {
    profile: profileOf(values),
    seed: number(values, 'seed', 0),
    speed,
    fromMs,
    toMs,
    late: share('late'),
    duplicates: share('duplicates'),
    outOfOrder: share('out-of-order'),
  };
  const scale = values.scale === undefined ? undefined : number(values, 'scale', 0);
  return { ...options, scale: scale ?? scaleFor(number(values, 'times', 0), options) };
}

function profileOf(values: Values): Profile {
  const profile = PROFILES.get(values.profile);
  if (profile === undefined) throw new Error(`--profile must be one of ${[...PROFILES.keys()].join(', ')}`);
  const share = values['surge-share'] === undefined ? profile.surge.share : number(values, 'surge-share', 0, 1);
  const skew = values.skew === undefined ? profile.customers.skew : number(values, 'skew', 0, 5);
  return { ...profile, surge: { ...profile.surge, share }, customers: { ...profile.customers, skew } };
}

function targetOf({ url, key, database }: Values): LoadOptions['target'] {
  if (url === undefined) return undefined;
  if (key === undefined) throw new Error('--url needs --key, one of EARSHOT_API_KEYS with all scopes but auditor');
  return { url, apiKey: key, databaseUrl: database };
}

function hours(text: string): [number, number] {
  const times = text.split('-').map((time) => {
    const [hour, minute = '0'] = time.split(':');
    return hour === '' ? Number.NaN : (Number(hour) + Number(minute) / 60) * HOUR_MS;
  });
  const [from, to] = times;
  if (times.length !== 2 || !(from! >= 0 && to! > from! && to! <= DAY_MS)) throw new Error('--hours must be like 9-11');
  return [from!, to!];
}

function number(values: Values, name: keyof Values, least: number, most: number = Infinity): number {
  const value = Number(values[name]);
  if (!(value >= least && value <= most)) {
    throw new Error(`--${name} must be a number from ${least}${most === Infinity ? '' : ` to ${most}`}`);
  }
  return value;
}

function pairs(flag: string, texts: readonly string[], known?: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    texts.map((text) => {
      const [name = '', value = ''] = text.split('=');
      if (value === '' || !Number.isFinite(Number(value))) throw new Error(`--${flag} must be like name=number`);
      if (known !== undefined && !known.includes(name)) throw new Error(`--${flag}: one of ${known.join(', ')}`);
      return [name, Number(value)];
    }),
  );
}
