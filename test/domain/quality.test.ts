import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isInOtherLanguage } from '../../src/domain/language.ts';
import { isOdd } from '../../src/domain/quality-alarm.ts';
import { checkQuality, type Evidence, type Thresholds } from '../../src/domain/quality.ts';
import { judgeWindow, NO_COUNTS, sum, type RollupWindow } from '../../src/domain/rollup.ts';
import type { Passage } from '../../src/domain/transcript.ts';

const thresholds: Thresholds = {
  minConfidence: { transcript: 0.3, screen_text: 0.2, caption: 0.1 },
  languages: ['en'],
  languageMinCharacters: 80,
  maxWordsPerSecond: 10,
  durationExcessMaxMs: 5_000,
  recordedShareMin: 0,
  clockSkewMaxMs: 60_000,
};
const said = (text: string): Passage[] => [{ text, confidence: 0.9, place: { kind: 'time', startMs: 0, endMs: 1 } }];
const soundRecord = { declaredMs: 30_000, decodedMs: 30_000, skewMs: 0, duplicate: false };
const evidence: Evidence = {
  kind: 'transcript',
  passages: said('The parcel has not arrived.'),
  confidence: 0.9,
  soundMs: 30_000,
  record: soundRecord,
};
const held = (change: Partial<Evidence>, moved: Partial<Thresholds> = {}) =>
  checkQuality({ ...evidence, ...change }, { ...thresholds, ...moved })
    .filter(({ failed }) => failed)
    .map(({ check }) => check);
const record = (change: Partial<Evidence['record']>) => ({ record: { ...soundRecord, ...change } });

const GERMAN =
  'Guten Tag, mein Paket ist leider noch nicht angekommen und ich hätte gerne eine Rückerstattung für die Bestellung.';

describe('a check', () => {
  it.each<[string, Partial<Evidence>, string[]]>([
    ['lets a good transcript pass', {}, []],
    ['holds back silence', { passages: [], confidence: 0 }, ['empty_transcript', 'low_confidence']],
    ['holds back a loop', { passages: said('thank you '.repeat(30)) }, ['repetitive_transcript']],
    ['holds back doubt in speech below its own threshold', { confidence: 0.29 }, ['low_confidence']],
    ['lets a caption of the same doubt pass', { kind: 'caption', confidence: 0.29, soundMs: null }, []],
    ['holds back a picture without text', { kind: 'screen_text', passages: [], confidence: 1 }, ['no_screen_text']],
    ['holds back another language', { passages: said(GERMAN) }, ['wrong_language']],
    ['lets another language on a screen pass', { kind: 'screen_text', passages: said(GERMAN) }, []],
    ['holds back a copy', record({ duplicate: true }), ['duplicate_content']],
    ['holds back times that contradict each other', record({ skewMs: 60_001 }), ['clock_skew']],
    ['lets clocks differ a little', record({ skewMs: 60_000 }), []],
    ['holds back a sound longer than its time', record({ declaredMs: 24_000 }), ['impossible_duration']],
    ['lets a call be recorded in part', record({ decodedMs: 3_000 }), []],
    ['holds back more words than anyone says', { passages: said(words(31)), soundMs: 3_000 }, ['impossible_duration']],
    ['does not judge the speed of few words', { passages: said(words(11)), soundMs: 1_000 }, []],
  ])('%s', (_what, change, expected) => {
    expect(held(change)).toEqual(expected);
  });

  it('of the share that was recorded is made where it is asked for', () => {
    expect(held(record({ decodedMs: 3_000 }), { recordedShareMin: 0.5 })).toEqual(['impossible_duration']);
  });
});

/** So many words that make no loop. */
function words(count: number): string {
  return Array.from({ length: count }, (_, index) => `word${String.fromCharCode(97 + (index % 26))}${index}`).join(' ');
}

describe('the language of a transcript', () => {
  it.each(['delivery-delay', 'payment-failure', 'refund-with-card'])('of %s is what it is', async (name) => {
    const text = await readFile(join(import.meta.dirname, '..', 'fixtures', 'calls', `${name}.txt`), 'utf8');
    expect(isInOtherLanguage(text, ['en'], 80)).toBe(false);
    expect(isInOtherLanguage(text, ['es', 'de'], 80)).toBe(true);
    expect(isInOtherLanguage(text, [], 80)).toBe(false);
  });

  it.each([
    ['a short text', 'Danke schön, auf Wiedersehen.'],
    ['codes', 'PAY-4012 PAY-4013 order 99812 SKU 77-AA-12 tracking 1Z999AA10123456784 PAY-4012 PAY-4013 order 99812'],
    ['fillers', 'yeah okay sure no problem um yes okay right uh-huh yeah alright bye bye thanks okay then bye now'],
    [
      'redactions',
      '[NAME] my card [CARD] was charged twice and [EMAIL] got no receipt, please call me at [PHONE] today',
    ],
  ])('is not judged wrong from %s', (_what, text) => {
    expect(isInOtherLanguage(text, ['en'], 80)).toBe(false);
  });
});

describe('an alarm', () => {
  const rules = { minRecognitions: 20, minShare: 0.1, factor: 3 };
  it.each([
    ['rises when 30 % are empty that never were', [100, 30, 1000, 0], true],
    ['rises when a share is three times what it was', [100, 30, 1000, 100], true],
    ['stays down for a share that was always high', [100, 30, 1000, 200], false],
    ['stays down for a few', [100, 9, 1000, 0], false],
    ['stays down when hardly anything was recognised', [19, 19, 1000, 0], false],
  ] as const)('%s', (_what, [recognitions, failed, baselineRecognitions, baselineFailed], odd) => {
    expect(isOdd({ recognitions, failed, baselineRecognitions, baselineFailed }, rules)).toBe(odd);
  });
});

describe('a window of counts', () => {
  const hour = new Date('2026-11-20T09:00:00Z');
  const at = (minutesAfterItsEnd: number) => new Date(hour.getTime() + (60 + minutesAfterItsEnd) * 60_000);
  const rules = { delayMs: 15 * 60_000, reopenMaxMs: 60 * 60_000 };
  const counts = (records: number, waiting = 0) => ({ ...NO_COUNTS, records, reachable: records - waiting, waiting });
  const fresh: RollupWindow = {
    hour,
    counts: NO_COUNTS,
    corrected: NO_COUNTS,
    computedAt: null,
    closedAt: null,
    initial: false,
  };
  const closed: RollupWindow = { ...fresh, counts: counts(5), computedAt: at(15), closedAt: at(15) };

  it('is open until its delay is over, then closed', () => {
    expect(judgeWindow(fresh, counts(5), rules, at(14))).toMatchObject({ kind: 'revise', closed: false });
    expect(judgeWindow(fresh, counts(5), rules, at(15))).toMatchObject({ kind: 'revise', closed: true });
    expect(judgeWindow(closed, counts(5), rules, at(16))).toMatchObject({ kind: 'keep', closed: true });
  });

  it('is counted anew for what comes before the cutoff and corrected after it', () => {
    expect(judgeWindow(closed, counts(6), rules, at(74))).toMatchObject({ kind: 'revise', counts: counts(6) });
    expect(judgeWindow(closed, counts(6), rules, at(75))).toMatchObject({ kind: 'correct', delta: counts(1) });
    expect(judgeWindow({ ...closed, corrected: counts(1) }, counts(6), rules, at(76))).toMatchObject({ kind: 'keep' });
  });

  it('waits with a correction until its records are settled', () => {
    expect(judgeWindow(closed, counts(6, 1), rules, at(80))).toMatchObject({ kind: 'keep', settled: false });
  });

  it('that nobody ever counted is a correction of nothing, but for the first look at the log', () => {
    expect(judgeWindow(fresh, counts(2), rules, at(500))).toMatchObject({ kind: 'correct', delta: counts(2) });
    expect(judgeWindow({ ...fresh, initial: true }, counts(2), rules, at(500))).toMatchObject({ kind: 'revise' });
  });

  it('with its corrections always adds up to what was counted last', () => {
    const steps = fc.array(fc.tuple(fc.nat({ max: 200 }), fc.nat({ max: 9 })), { maxLength: 12 });
    fc.assert(
      fc.property(steps, (moves) => {
        let window = fresh;
        let minutes = 0;
        let total = 0;
        for (const [later, more] of moves) {
          minutes += later;
          total += more;
          const verdict = judgeWindow(window, counts(total), rules, at(minutes - 60));
          if (verdict.kind === 'correct') window = { ...window, corrected: sum(window.corrected, verdict.delta) };
          if (verdict.kind === 'revise') window = { ...window, counts: verdict.counts };
          const isClosed = verdict.kind === 'correct' || verdict.closed;
          const now = at(minutes - 60);
          window = { ...window, computedAt: window.computedAt ?? (verdict.kind === 'correct' ? null : now) };
          window = { ...window, closedAt: isClosed ? (window.closedAt ?? now) : null };
          expect(sum(window.counts, window.corrected).records).toBe(total);
        }
      }),
    );
  });
});
