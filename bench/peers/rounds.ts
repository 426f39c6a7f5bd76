import type { Progress } from '../../src/stack/progress.ts';
import type { BenchOptions } from './arguments.ts';
import type { Contender } from './contenders.ts';
import type { ByPart } from './cpu-of-parts.ts';
import { createDatabase, type ContenderDatabase } from './database.ts';
import { idleCores } from './idle.ts';
import { killInMidRun, type KillOutcome } from './kill.ts';
import { measure, type Measurement, type Subject } from './measure.ts';
import { Promised } from './promised.ts';
import { startContender } from './running.ts';
import { WARM_UP } from './scenarios.ts';
import { alternating } from './statistics.ts';
import type { World } from './world.ts';

interface Of {
  readonly contender: string;
  readonly round: number;
}

/** One scenario of one contender in one round. */
export interface Result extends Measurement, Of {
  readonly scenario: string;
}

/** What a contender takes while nothing is asked of it, in cores. */
export interface Idle extends Of {
  readonly cores: ByPart;
}

/** A contender that was killed in mid-run. */
export interface Kill extends KillOutcome, Of {}

export interface Outcome {
  readonly results: readonly Result[];
  readonly idle: readonly Idle[];
  readonly kills: readonly Kill[];
  /** Rounds that do not count, or not from some scenario on, with the reason. */
  readonly failures: readonly string[];
}

/** A contender's database and the promises made to its clients, which last over all rounds. */
interface Place {
  readonly database: ContenderDatabase;
  readonly promised: Promised;
}

/** One contender at a time, each started anew and warmed up in each round. */
export async function runRounds(
  options: BenchOptions,
  world: World,
  progress: Progress,
  interruption: AbortSignal,
): Promise<Outcome> {
  const { contenders, scenarios, rounds, killAfter, drainSeconds } = options;
  const places = new Map<string, Place>();
  const results: Result[] = [];
  const idle: Idle[] = [];
  const kills: Kill[] = [];
  const failures: string[] = [];
  const turn = async (what: string, contender: Contender, work: (subject: Subject) => Promise<void>) => {
    const title = `${what}, ${contender.title}`;
    interruption.throwIfAborted();
    await progress
      .step(title, () => whileRunning(contender, places.get(contender.name)!, world, work))
      .catch((error: unknown) => void failures.push(`${title}: ${String(error)}`));
    interruption.throwIfAborted();
  };
  try {
    for (const contender of contenders) places.set(contender.name, await openPlace(contender, world));
    for (const [index, order] of alternating(contenders, scenarios.length === 0 ? 0 : rounds).entries()) {
      for (const contender of order) {
        const of = { contender: contender.name, round: index + 1 };
        await turn(`round ${of.round} of ${rounds}`, contender, async (subject) => {
          idle.push({ ...of, cores: await idleCores(subject.running) });
          for (const { name, ...scenario } of scenarios) {
            const measurement = await measure({ name, ...scenario }, subject, `round-${of.round}-${name}`);
            results.push({ ...of, scenario: name, ...measurement });
          }
        });
      }
    }
    for (const [index, after] of killAfter.entries()) {
      for (const contender of contenders) {
        const of = { contender: contender.name, round: index + 1 };
        await turn(`kill -9 after ${after} messages`, contender, async (subject) => {
          const kill = { run: `kill-${of.round}`, killAfter: after, drainMs: drainSeconds * 1000 };
          kills.push({ ...of, ...(await killInMidRun(subject, kill)) });
        });
      }
    }
  } finally {
    await Promise.all([...places.values()].map(({ database }) => database.pool.end()));
  }
  return { results, idle, kills, failures };
}

async function openPlace({ name, tables, dials }: Contender, world: World): Promise<Place> {
  const database = await createDatabase(world.postgresUrl, name, tables);
  // It does not watch itself meanwhile, for the others have nothing of the kind.
  const turned = { 'canary.interval_ms': 0, 'reconcile.interval_ms': 0, ...dials };
  if (tables === 'earshot') {
    const turn = 'insert into dial (name, value) select key, value::numeric from jsonb_each_text($1)';
    await database.pool.query(turn, [JSON.stringify(turned)]);
  }
  return { database, promised: new Promised(world.env['EARSHOT_CUSTOMER_SECRET']!) };
}

let turns = 0;

async function whileRunning(
  contender: Contender,
  { database, promised }: Place,
  world: World,
  work: (subject: Subject) => Promise<void>,
): Promise<void> {
  const starting = startContender(contender, database, world);
  // Also while it starts: an interrupted run leaves no process behind.
  const entry = { stop: () => starting.then((running) => running.stop()) };
  world.running.add(entry);
  try {
    const running = await starting;
    const subject = { running, database, promised, world };
    turns += 1;
    await measure(WARM_UP, subject, `warm-up-${turns}`);
    await work(subject);
  } finally {
    world.running.delete(entry);
    await entry.stop();
  }
}
