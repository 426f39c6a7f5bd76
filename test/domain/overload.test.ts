import { expect, it } from 'vitest';
import type { Modality } from '../../src/domain/interaction.ts';
import { refusalOf } from '../../src/domain/overload.ts';

const rules = { bulkAtStep: 4, audioAtStep: 5, screenshotAtStep: 5, chatAtWaiting: 1_000 };
const live = (modality: Modality) => ({ modality, intakeClass: 'live' }) as const;

it('live records are refused at the last step where their own modality is overloaded, chat only when very much waits', () => {
  for (const modality of ['audio', 'screenshot'] as const) {
    expect(refusalOf(live(modality), 'refuse_live', true, 0, rules)).toBe(modality);
    expect(refusalOf(live(modality), 'refuse_live', false, 0, rules)).toBeUndefined();
    expect(refusalOf(live(modality), 'refuse_bulk', true, 0, rules)).toBeUndefined();
  }
  expect(refusalOf(live('chat'), 'refuse_live', true, 999, rules)).toBeUndefined();
  expect(refusalOf(live('chat'), 'refuse_live', true, 1_000, rules)).toBe('chat');
  expect(refusalOf(live('chat'), 'refuse_live', false, 1_000, rules)).toBeUndefined();
});

it('who has a modality refused from an earlier step on has it refused whatever is overloaded', () => {
  const early = { ...rules, audioAtStep: 4 };
  expect(refusalOf(live('audio'), 'refuse_bulk', false, 0, early)).toBe('audio');
  expect(refusalOf(live('audio'), 'refuse_live', false, 0, early)).toBe('audio');
  expect(refusalOf(live('audio'), 'refuse_live', true, 0, { ...rules, audioAtStep: 6 })).toBeUndefined();
});
