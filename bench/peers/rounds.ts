import type { Progress } from '../../src/stack/progress.ts';
import type { BenchOptions } from './arguments.ts';
import type { Contender } from './contenders.ts';
import { createDatabase, type ContenderDatabase } from './database.ts';
import { killInMidRun, type KillOutcome } from './kill.ts';
import { measure, type Measurement, type Subject } from './measure.ts';
import { Promised } from './promised.ts';
import { startContender } from './running.ts';
import { WARM_UP } from './scenarios.ts';
import { alternating } from './statistics.ts';
import type { World } from './world.ts';

/** One scenario of one contender in one round. */
export interface Result extends Measurement {
  readonly contender: string;
  readonly scenario: string;
  readonly round: number;
}

export interface Outcome {
  readonly results: readonly Result[];
  readonly kills: Readonly<Record<string, KillOutcome>>;
  /** Rounds that do not count, with the reason. */
  readonly failures: readonly string[];
}

/** A contender's database and the promises made to its clients, which last over all rounds. */
interface Place {
  readonly database: ContenderDatabase;
  readonly promised: Promised;
}

/** Runs the rounds: one contender at a time, each started anew and warmed up in each round. */
export async function runRounds(options: BenchOptions, world: World, progress: Progress): Promise<Outcome> {
  const places = new Map<string, Place>();
  const results: Result[] = [];
  const kills: Record<string, KillOutcome> = {};
  const failures: string[] = [];
  try {
    for (const contender of options.contenders) places.set(contender.name, await openPlace(contender, world));
    for (const [index, order] of alternating(options.contenders, options.rounds).entries()) {
      const round = index + 1;
      for (const contender of order) {
        const title = `round ${round} of ${options.rounds}, ${contender.title}`;
        const place = places.get(contender.name)!;
        await progress
          .step(title, () =>
            whileRunning(contender, place, world, async (subject) => {
              for (const scenario of options.scenarios) {
                const run = `round-${round}-${scenario.name}`;
                const measurement = await measure(scenario, subject, run);
                results.push({ contender: contender.name, scenario: scenario.name, round, ...measurement });
              }
            }),
          )
          .catch((error: unknown) => failures.push(`${title}: ${String(error)}`));
      }
    }
    for (const contender of options.kill ? options.contenders : []) {
      const title = `kill -9 in mid-run, ${contender.title}`;
      const place = places.get(contender.name)!;
      await progress
        .step(title, () =>
          whileRunning(contender, place, world, async (subject) => {
            kills[contender.name] = await killInMidRun(subject, 'kill', options.drainSeconds * 1000);
          }),
        )
        .catch((error: unknown) => failures.push(`${title}: ${String(error)}`));
    }
  } finally {
    await Promise.all([...places.values()].map(({ database }) => database.pool.end()));
  }
  return { results, kills, failures };
}

async function openPlace(contender: Contender, world: World): Promise<Place> {
  const database = await createDatabase(world.postgresUrl, contender.name, contender.tables);
  // Neither watches itself meanwhile, for the others have nothing of the kind.
  if (contender.tables === 'earshot') {
    await database.pool.query(
      `insert into dial (name, value) values ('canary.interval_ms', 0), ('reconcile.interval_ms', 0)`,
    );
  }
  return { database, promised: new Promised(world.env['EARSHOT_CUSTOMER_SECRET']!) };
}

let started = 0;

async function whileRunning(
  contender: Contender,
  { database, promised }: Place,
  world: World,
  work: (subject: Subject) => Promise<void>,
): Promise<void> {
  const running = await startContender(contender, database, world);
  try {
    const subject = { running, database, promised, world };
    started += 1;
    await measure(WARM_UP, subject, `warm-up-${started}`);
    await work(subject);
  } finally {
    await running.stop();
  }
}
