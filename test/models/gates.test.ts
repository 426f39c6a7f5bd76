import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { embedEach } from '../../activities/embed-and-store.ts';
import { checkVectors } from '../../src/models/embedding-gate.ts';
import { rememberVectors } from '../../src/models/embedding-memory.ts';
import { checkTranscript } from '../../src/models/speech.ts';
import { checkAnswer } from '../../src/models/vision.ts';
import { z } from 'zod';

const unit = (dimensions: number, at: number) =>
  Array.from({ length: dimensions }, (_, index) => (index === at ? 1 : 0));
const answer = (...vectors: [number, number[]][]) => ({
  data: vectors.map(([index, embedding]) => ({ index, embedding })),
});

describe('vectors', () => {
  it('are put into the order of their inputs', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 }), (order) => {
        const given = answer(...order.map((index): [number, number[]] => [index, unit(5, index)]));
        expect(checkVectors(given, 5, 5)).toEqual([0, 1, 2, 3, 4].map((index) => unit(5, index)));
      }),
    );
  });

  it.each([
    ['a string', 'html'],
    ['nothing', {}],
    ['null', null],
    ['too few', answer([0, unit(4, 0)])],
    ['too many', answer([0, unit(4, 0)], [1, unit(4, 1)], [2, unit(4, 2)])],
    ['an index twice', answer([0, unit(4, 0)], [0, unit(4, 1)])],
    ['an index beyond', answer([0, unit(4, 0)], [7, unit(4, 1)])],
    ['other dimensions', answer([0, unit(4, 0)], [1, unit(3, 1)])],
    ['zeros', answer([0, unit(4, 0)], [1, [0, 0, 0, 0]])],
    ['nearly zeros', answer([0, unit(4, 0)], [1, [1e-9, 0, 0, 0]])],
    ['giants', answer([0, unit(4, 0)], [1, [1e9, 0, 0, 0]])],
    ['NaN', answer([0, unit(4, 0)], [1, [NaN, 0, 0, 1]])],
    ['Infinity', answer([0, unit(4, 0)], [1, [Infinity, 0, 0, 1]])],
    [
      'strings',
      {
        data: [
          { index: 0, embedding: 'AAAA' },
          { index: 1, embedding: 'AAAA' },
        ],
      },
    ],
  ])('that are %s are refused', (_name, given) => {
    expect(() => checkVectors(given, 2, 4)).toThrow('the embedding endpoint gave');
  });

  const remembering = () => {
    const asked: string[][] = [];
    const model = rememberVectors({
      model: 'm',
      dimensions: 1,
      embed: (texts) => {
        asked.push([...texts]);
        return Promise.resolve(texts.map((text) => [text.length]));
      },
    });
    return { asked, model };
  };
  const { signal } = new AbortController();

  it('of equal texts of one owner are asked for once, and not again soon after', async () => {
    const { asked, model } = remembering();
    expect(await model.embed(['a', 'bb', 'a'], signal, 'ann')).toEqual([[1], [2], [1]]);
    expect(await model.embed(['bb', 'ccc'], signal, 'ann')).toEqual([[2], [3]]);
    expect(asked).toEqual([['a', 'bb'], ['ccc']]);
  });

  it('are remembered for nobody else: not for another owner, nor for who names none', async () => {
    const { asked, model } = remembering();
    const owners = ['ann', 'bea', 'ann/', '', undefined, undefined];
    for (const owner of owners) await model.embed(['a'], signal, owner);
    expect(asked).toEqual(owners.map(() => ['a']));
  });

  it('of nobody push out none that are remembered', async () => {
    const asked: string[][] = [];
    const embed = (texts: readonly string[]) => {
      asked.push([...texts]);
      return Promise.resolve(texts.map(() => [1]));
    };
    // So large that one of them is remembered.
    const model = rememberVectors({ model: 'm', dimensions: 5_000 * 384, embed });
    await model.embed(['a'], signal, 'ann');
    await model.embed(['b', 'b'], signal);
    await model.embed(['a'], signal, 'ann');
    expect(asked).toEqual([['a'], ['b']]);
  });

  it('of chunks are remembered for the one customer of one tenant whose they all are', async () => {
    const { asked, model } = remembering();
    const chunk = (customer: string) => ({ text: 'a', customer_key: customer });
    const embed = (tenant: string, ...customers: string[]) => embedEach(model, tenant, customers.map(chunk), signal);
    await embed('one', 'ann');
    await embed('one', 'ann', 'ann');
    expect(asked).toHaveLength(1);
    await embed('one', 'bea');
    await embed('two', 'ann');
    await embed('one', 'ann', 'bea');
    await embed('one', 'ann', 'bea');
    expect(asked).toHaveLength(5);
  });
});

describe('a transcript', () => {
  const segment = { start: 0, end: 1, text: ' words ', avg_logprob: -0.1, no_speech_prob: 0 };
  const transcript = (...segments: object[]) => ({
    duration: 5,
    segments: segments.map((each) => ({ ...segment, ...each })),
  });

  it('is taken without control characters and empty segments', () => {
    const passages = checkTranscript(transcript({ text: ' a\u0000b ' }, { text: '  ' }));
    expect(passages.map(({ text }) => text)).toEqual(['a b']);
  });

  it.each([
    ['a string', 'html'],
    ['no segments', { duration: 5 }],
    ['ends before its start', transcript({ start: 2, end: 1 })],
    ['negative times', transcript({ start: -1 })],
    ['times beyond the end', transcript({ start: 1, end: 60 })],
    ['segments out of order', transcript({ start: 4, end: 5 }, { start: 0, end: 1 })],
    ['no log-probability', { duration: 5, segments: [{ start: 0, end: 1, text: 'x' }] }],
    ['NaN as a time', transcript({ start: NaN })],
  ])('that is %s is refused', (_name, given) => {
    expect(() => checkTranscript(given)).toThrow('the speech model gave');
  });
});

describe('a chat answer', () => {
  const shape = z.object({ caption: z.string() });
  const message = (content: unknown, finish_reason = 'stop') => ({
    choices: [{ finish_reason, message: { content } }],
  });

  it('is taken when it is whole and of the shape asked for', () => {
    expect(checkAnswer(message('{"caption":"x"}'), shape)).toEqual({ caption: 'x' });
  });

  it.each([
    ['no choice', { choices: [] }],
    ['a refusal', message(null)],
    ['cut off', message('{"caption":"x"}', 'length')],
    ['truncated', message('{"caption":"x')],
    ['of another shape', message('{"text":"x"}')],
    ['a string', 'html'],
  ])('that is %s is refused', (_name, given) => {
    expect(() => checkAnswer(given, shape)).toThrow('the vision model gave');
  });
});
