import { parseArgs } from 'node:util';
import { CONTENDERS, VARIANTS, type Contender } from './contenders.ts';
import { KILL, SCENARIOS, type Scenario } from './scenarios.ts';

export interface BenchOptions {
  readonly rounds: number;
  readonly contenders: readonly Contender[];
  readonly scenarios: readonly Scenario[];
  /** Each contender is killed once when so many messages of a burst are acknowledged; none is left alone. */
  readonly killAfter: readonly number[];
  /** How long what a killed process left behind may take, in seconds, before it counts as stuck. */
  readonly drainSeconds: number;
}

/** @throws Error naming what is not known, with what is. */
export function readArguments(given: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...given],
    options: {
      rounds: { type: 'string', default: '5' },
      contenders: { type: 'string', default: CONTENDERS.map(({ name }) => name).join(',') },
      scenarios: { type: 'string', default: [...SCENARIOS.map(({ name }) => name), 'kill'].join(',') },
      'kill-after': { type: 'string', default: KILL.after.join(',') },
      'drain-seconds': { type: 'string', default: '120' },
    },
  });
  const scenarios = values.scenarios.split(',');
  const withoutKill = scenarios.filter((name) => name !== 'kill');
  return {
    rounds: numberOf('--rounds', values.rounds),
    contenders: named('--contenders', [...CONTENDERS, ...VARIANTS], values.contenders.split(',')),
    scenarios: named('--scenarios', SCENARIOS, withoutKill),
    killAfter: withoutKill.length < scenarios.length ? momentsOf(values['kill-after']) : [],
    drainSeconds: numberOf('--drain-seconds', values['drain-seconds']),
  };
}

function named<T extends { readonly name: string }>(flag: string, all: readonly T[], names: readonly string[]): T[] {
  return names.map((name) => {
    const found = all.find((each) => each.name === name);
    if (found !== undefined) return found;
    throw new Error(`${flag}: ${name} is unknown; known are ${all.map((each) => each.name).join(', ')}`);
  });
}

function momentsOf(text: string): number[] {
  const moments = text.split(',').map((each) => numberOf('--kill-after', each));
  if (moments.every((moment) => moment < KILL.messages)) return moments;
  throw new Error(`--kill-after: a burst has ${KILL.messages} messages`);
}

function numberOf(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`${flag} must be a whole number from 1`);
}
