import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lastingOf } from '../../src/domain/overload-lasts.ts';
import {
  atLeast,
  deeper,
  nextPressure,
  NO_PRESSURE,
  PRESSURE_STEPS,
  type Foretold,
  type Pressure,
  type PressureRules,
  type PressureStep,
} from '../../src/domain/pressure.ts';

const rules: PressureRules = {
  enterMinutes: { slow_reprocessing: 15, grow_batches: 5, drop_captions: 2, refuse_bulk: 1, refuse_live: 0 },
  leastAgeShare: 0.4,
  refusingAgeShare: 0.7,
  leaveTimes: 2,
  leaveAfterMs: 60_000,
  leaveAtLeastMinutes: 1,
  riseAfterMs: 5_000,
  refuseLiveAfterMs: 60_000,
};
const causeOf = (minutes: number | null) =>
  minutes === null ? null : { tenant: 'default', modality: 'chat' as const, minutes };

/** How a modality stands; by default what breaches is large. */
const foretold = (minutes: number | null, of: Partial<Foretold> = {}): Foretold => ({
  ...{ tenant: 'default', modality: 'chat', minutes, refusingMinutes: minutes, lagBudgets: 0 },
  ...{ ageBudgets: 0, refusingAgeBudgets: 0, beyondBudget: false },
  ...of,
});

/** The steps that follow each other while forecasts, one each second, are these. */
function follow(looks: readonly (readonly Foretold[])[], of: PressureRules = rules): Pressure[] {
  let current = NO_PRESSURE;
  return looks.map((look, second) => (current = nextPressure(current, look, of, second * 1_000)));
}
const run = (forecasts: readonly (number | null)[], of: PressureRules = rules) =>
  follow(
    forecasts.map((minutes) => [foretold(minutes)]),
    of,
  );
const stepsOf = (states: readonly Pressure[]): PressureStep[] =>
  states.map(({ step }) => step).filter((step, index, all) => step !== all[index - 1]);
const forSeconds = (seconds: number, minutes: number | null) =>
  Array.from<number | null>({ length: seconds }).fill(minutes);

const times = <T>(seconds: number, look: T): T[] => Array.from<T>({ length: seconds }).fill(look);

describe('the step', () => {
  it('goes through all of them in order while a breach is there, each with its time, and back once it is calm', () => {
    const states = run([...forSeconds(90, 0), ...forSeconds(400, null)]);
    expect(stepsOf(states)).toEqual([...PRESSURE_STEPS.slice(1), ...PRESSURE_STEPS.toReversed().slice(1)]);
    expect(
      states
        .slice(0, 61)
        .map(({ since }) => since / 1_000)
        .filter((at, index, all) => at !== all[index - 1]),
    ).toEqual([0, 5, 10, 15, 60]);
    expect(states.at(-1)).toMatchObject({ step: 'none', cause: null });
  });

  it('is no deeper than the forecast asks for, and remembers which it was', () => {
    const states = run(forSeconds(60, 1.5));
    expect(states.at(-1)).toMatchObject({ step: 'drop_captions', cause: causeOf(1.5), calmSince: null });
  });

  it('does not flap while a forecast wavers between where a step is entered and where it is left', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 5.1, max: 9.9, noNaN: true }), { minLength: 100, maxLength: 300 }),
        (wavering) => {
          expect(stepsOf(run([4, ...forSeconds(10, 4), ...wavering]))).toEqual(['slow_reprocessing', 'grow_batches']);
        },
      ),
    );
  });

  it('does not flap while what it was taken for stays older than half the age at which it was', () => {
    const aged = (age: number, of: Partial<Foretold> = {}) =>
      foretold(age < 0.4 ? null : 0.5, {
        ...{ refusingMinutes: age < 0.7 ? null : 0.5, ageBudgets: age, refusingAgeBudgets: age },
        ...of,
      });
    const ages = fc.array(fc.double({ min: 0.35, max: 0.75, noNaN: true }), { minLength: 3, maxLength: 6 });
    fc.assert(
      fc.property(ages, (each) => {
        // Each for longer than a step has to be calm.
        const looks = [0.72, ...each].flatMap((age) => times(90, [aged(age)]));
        expect(stepsOf(follow(looks))).toEqual(PRESSURE_STEPS.slice(1, 5));
      }),
    );
    const [taken, back] = [times(20, [aged(0.72)]), PRESSURE_STEPS.toReversed().slice(2)];
    expect(stepsOf(follow([...taken, ...times(300, [aged(0.3)])])).at(-1)).toBe('drop_captions');
    expect(stepsOf(follow([...taken, ...times(300, [aged(0.1)])])).slice(4)).toEqual(back);
    // What it was not taken for keeps nothing.
    const other = [aged(0.1), aged(0.39, { modality: 'audio' })];
    expect(stepsOf(follow([...taken, ...times(300, other)])).slice(4)).toEqual(back);
  });

  it('goes at once through those that refuse nobody, no deeper than is asked for, where what waits is beyond its budget', () => {
    const beyond = foretold(0, { beyondBudget: true });
    const states = follow(times(20, [beyond]));
    expect(states[0]).toMatchObject({ step: 'drop_captions', cause: causeOf(0) });
    expect(states.findIndex(({ step }) => step === 'refuse_bulk')).toBe(5);
    expect(follow([[{ ...beyond, minutes: 4 }]])[0]!.step).toBe('grow_batches');
    expect(follow([[{ ...beyond, minutes: null }]])[0]!.step).toBe('none');
  });

  it('is kept by one alarm within its time of calm, whatever the others say', () => {
    const calm = [...forSeconds(59, null), 10];
    const states = run([15, ...calm, ...calm, ...calm]);
    expect(stepsOf(states)).toEqual(['slow_reprocessing']);
  });

  it('moves by one at the most, whatever forecasts say, and passes over what is switched off', () => {
    const off = { ...rules, enterMinutes: { ...rules.enterMinutes, drop_captions: -1, refuse_live: -1 } };
    const forecasts = fc.array(fc.option(fc.double({ min: 0, max: 40, noNaN: true })), { maxLength: 400 });
    fc.assert(
      fc.property(forecasts, (seen) => {
        const places = run(seen).map(({ step }) => PRESSURE_STEPS.indexOf(step));
        for (const [index, place] of places.entries()) {
          expect(Math.abs(place - (places[index - 1] ?? 0))).toBeLessThanOrEqual(1);
        }
        const passed = run(seen, off).map(({ step }) => step);
        expect(passed).not.toContain('drop_captions');
        expect(passed).not.toContain('refuse_live');
      }),
    );
    expect(stepsOf(run(forSeconds(60, 0), off))).toEqual(['slow_reprocessing', 'grow_batches', 'refuse_bulk']);
  });

  it('refuses nobody for a few slow records, however long they are there', () => {
    const few = [foretold(0, { modality: 'screenshot', refusingMinutes: null })];
    expect(stepsOf(follow(times(600, few)))).toEqual(['slow_reprocessing', 'grow_batches', 'drop_captions']);
  });

  it('refuses live records of what is overloaded for a minute without a break, and of nothing else', () => {
    const screens = [foretold(0, { modality: 'screenshot' }), foretold(0.5, { modality: 'audio' }), foretold(null)];
    const burst = follow([...times(59, screens), ...times(5, [foretold(null)]), ...times(59, screens)]);
    expect(stepsOf(burst).at(-1)).toBe('refuse_bulk');
    const states = follow(times(61, screens));
    expect(states.at(-1)).toMatchObject({ step: 'refuse_live', cause: { modality: 'screenshot', minutes: 0 } });
    expect(lastingOf(states.at(-1)!.overloads)).toEqual(['screenshot']);
    const both = follow([...times(90, screens), ...times(61, [...screens, foretold(0, { modality: 'audio' })])]);
    expect(lastingOf(both.at(-1)!.overloads)).toEqual(['audio', 'screenshot']);
  });

  it('goes on refusing while what waits takes more than half a budget or a breach is near, and does not cycle', () => {
    const overloaded = times(61, [foretold(0)]);
    const wavering = fc.array(
      fc.oneof(
        fc.double({ min: 0, max: 1, noNaN: true }).map((minutes) => foretold(minutes)),
        fc.double({ min: 0.5, max: 3, noNaN: true }).map((lagBudgets) => foretold(null, { lagBudgets })),
      ),
      { minLength: 100, maxLength: 300 },
    );
    fc.assert(
      fc.property(wavering, (looks) => {
        const states = follow([...overloaded, ...looks.map((look) => [look])]);
        expect(stepsOf(states)).toEqual(PRESSURE_STEPS.slice(1));
      }),
    );
    const over = follow([...overloaded, ...times(61, [foretold(null, { lagBudgets: 0.4 })])]);
    expect(over.at(-2)).toMatchObject({ step: 'refuse_live' });
    expect(over.at(-1)).toMatchObject({ step: 'refuse_bulk', overloads: {} });
  });

  it('is compared by its place', () => {
    expect(atLeast('refuse_bulk', 'drop_captions')).toBe(true);
    expect(atLeast('none', 'slow_reprocessing')).toBe(false);
    expect(deeper('grow_batches', 'refuse_live')).toBe('refuse_live');
  });
});
