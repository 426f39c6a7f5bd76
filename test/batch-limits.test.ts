import { expect, it } from 'vitest';
import { chatBatchLimits, joinedRequestLimits, joinedStatementLimits } from '../src/batch-limits.ts';
import { dialValues, type DialName } from '../src/domain/dials.ts';
import type { PressureStep } from '../src/domain/pressure.ts';

const values = dialValues([{ name: 'pressure.batch_growth_factor', value: 4 }]);
const dials = { get: (name: DialName): number => values[name] };
const at = (step: PressureStep) => ({ dials, pressure: { step: () => step, overloaded: () => false } });

it('batches may hold four times as much under pressure, and nothing waits longer for company', () => {
  for (const limitsOf of [chatBatchLimits, joinedRequestLimits, joinedStatementLimits]) {
    const [usual, grown] = [limitsOf(at('slow_reprocessing')), limitsOf(at('grow_batches'))];
    const sizes = ['messages', 'maxTexts', 'maxTokens', 'size'];
    for (const [name, value] of Object.entries(usual) as [keyof typeof usual, number][]) {
      expect([name, grown[name]]).toEqual([name, sizes.includes(name) ? value * 4 : value]);
    }
  }
});
