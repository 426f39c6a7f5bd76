import Table from 'cli-table3';
import { readDatabaseUrl, readSteps } from '../src/config.ts';
import { openDatabase } from '../src/db/pools.ts';
import { DialReader } from '../src/dial-reader.ts';
import { EarshotError } from '../src/domain/errors.ts';
import { readPlan, type RehearsalArguments } from '../src/rehearsal/read-plan.ts';
import { rehearseWeek, type Lags, type ModalityRehearsal } from '../src/rehearsal/rehearse-week.ts';
import { endProcess } from './run.ts';

// npm run rehearse -- --from TIME --to TIME [--times N]: last Monday again, so many times, without sending anything
// (docs/load.md). It reads the database alone.

const VERDICTS: ReadonlyMap<boolean | null, string> = new Map([
  [true, ', kept'],
  [false, ', BROKEN'],
  [null, ''],
]);

try {
  await run(readPlan(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof EarshotError) || error.code !== 'misconfigured') endProcess(error);
  console.error((error as Error).message);
  process.exitCode = 2;
}

async function run(asked: RehearsalArguments): Promise<void> {
  const database = openDatabase({ url: readDatabaseUrl(), poolSize: 1 });
  try {
    const dials = await DialReader.open(database);
    dials.close();
    const { audio, screenshot } = readSteps();
    const placesThen = {
      audio: audio * asked.processes,
      screenshot: screenshot * asked.processes,
      chat: dials.get('embedding.requests_in_flight') * asked.processes,
    };
    const plan = { ...asked, placesThen, places: { ...placesThen, ...asked.places } };
    const rehearsed = await rehearseWeek({ database, dials }, plan);
    if (asked.json) console.log(JSON.stringify(rehearsed));
    else print(asked, rehearsed);
    if (rehearsed.some((each) => each.rehearsed.withinBudget === false)) process.exitCode = 1;
  } finally {
    await database.close();
  }
}

function print({ times, pricePerHour }: RehearsalArguments, rehearsed: readonly ModalityRehearsal[]): void {
  const table = new Table({
    head: ['', ...rehearsed.map(({ modality }) => modality)],
    style: { head: [], border: [] },
  });
  const line = (what: string, of: (each: ModalityRehearsal) => string) => table.push([what, ...rehearsed.map(of)]);
  line('records', ({ measured, rehearsed: { records } }) => `${measured.records} → ${records}`);
  if (rehearsed.some(({ unmeasured }) => unmeasured > 0)) {
    line('not recognised then, counted as others', ({ unmeasured }) => String(unmeasured));
  }
  line('measured p50 / p95 / p99', ({ measured }) => lags(measured));
  line('rehearsed once', ({ once }) => lags(once));
  line(`rehearsed ${times} times`, (each) => lags(each.rehearsed));
  if (rehearsed.some(({ against }) => against !== null)) {
    line('actual, later', ({ against }) => (against === null ? '' : `${against.records}: ${lags(against)}`));
  }
  line(
    'budget p99',
    ({ budgetMs, rehearsed: { withinBudget } }) => `${seconds(budgetMs)}${VERDICTS.get(withinBudget)!}`,
  );
  line('most waiting', (each) => String(each.rehearsed.mostWaiting));
  line('drains in', (each) => seconds(each.rehearsed.drainSeconds * 1_000));
  line('places now / needed', (each) => `${each.places} / ${each.placesNeeded ?? 'no number does'}`);
  line('place-hours', (each) => each.rehearsed.busyHours.toFixed(2));
  if (pricePerHour !== null) line('cost', (each) => (each.rehearsed.busyHours * pricePerHour).toFixed(2));
  console.log(table.toString());
}

function lags({ p50Ms, p95Ms, p99Ms }: Lags): string {
  return [p50Ms, p95Ms, p99Ms].map((each) => (each === null ? '–' : seconds(each))).join(' / ');
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}
