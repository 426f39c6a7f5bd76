import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  atLeast,
  deeper,
  nextPressure,
  NO_PRESSURE,
  PRESSURE_STEPS,
  type Pressure,
  type PressureRules,
  type PressureStep,
} from '../../src/domain/pressure.ts';

const rules: PressureRules = {
  enterMinutes: { slow_reprocessing: 15, grow_batches: 5, drop_captions: 2, refuse_bulk: 1, refuse_live: 0 },
  leaveTimes: 2,
  leaveAfterMs: 60_000,
  riseAfterMs: 5_000,
};
const causeOf = (minutes: number | null) =>
  minutes === null ? null : { tenant: 'default', modality: 'chat' as const, minutes };

/** The steps that follow each other while forecasts, one each second, are these. */
function run(forecasts: readonly (number | null)[], of: PressureRules = rules): Pressure[] {
  let current = NO_PRESSURE;
  return forecasts.map((minutes, second) => (current = nextPressure(current, causeOf(minutes), of, second * 1_000)));
}
const stepsOf = (states: readonly Pressure[]): PressureStep[] =>
  states.map(({ step }) => step).filter((step, index, all) => step !== all[index - 1]);
const forSeconds = (seconds: number, minutes: number | null) =>
  Array.from<number | null>({ length: seconds }).fill(minutes);

describe('the step', () => {
  it('goes through all of them in order while a breach is there, each with its time, and back once it is calm', () => {
    const states = run([...forSeconds(30, 0), ...forSeconds(400, null)]);
    expect(stepsOf(states)).toEqual([...PRESSURE_STEPS.slice(1), ...PRESSURE_STEPS.toReversed().slice(1)]);
    expect(
      states
        .slice(0, 21)
        .map(({ since }) => since / 1_000)
        .filter((at, index, all) => at !== all[index - 1]),
    ).toEqual([0, 5, 10, 15, 20]);
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

  it('is compared by its place', () => {
    expect(atLeast('refuse_bulk', 'drop_captions')).toBe(true);
    expect(atLeast('none', 'slow_reprocessing')).toBe(false);
    expect(deeper('grow_batches', 'refuse_live')).toBe('refuse_live');
  });
});
