import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Coalescer, type CoalesceLimits } from '../src/coalescer.ts';
import { EarshotError } from '../src/domain/errors.ts';
import { joinedEmbedding } from '../src/joined-embedding.ts';
import { standing, withStanding } from '../src/sources/background.ts';

const LIMITS: CoalesceLimits = { size: 4, waitMs: 0, inParallel: 1 };

/** Doubles numbers; fails for whole batches that hold a poisonous one. */
function doubling(limits: Partial<CoalesceLimits> = {}, poison?: number) {
  const batches: number[][] = [];
  const held: PromiseWithResolvers<void>[] = [];
  const signals: AbortSignal[] = [];
  const coalescer = new Coalescer<number, number>({
    limits: () => ({ ...LIMITS, ...limits }),
    blame: (error) => (error instanceof RangeError ? 'one' : 'all'),
    run: async (requests, signal) => {
      batches.push([...requests]);
      signals.push(signal);
      const hold = Promise.withResolvers<void>();
      held.push(hold);
      await hold.promise;
      if (poison !== undefined && requests.includes(poison)) throw new RangeError('poison');
      return requests.map((request) => request * 2);
    },
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  /** Lets batches end until none is left. */
  const drain = async () => {
    for (let idle = 0; idle < 3; idle = held.length === 0 ? idle + 1 : 0) {
      held.splice(0).forEach(({ resolve }) => resolve());
      await turn();
    }
  };
  return { coalescer, batches, signals, drain, turn };
}

describe('requests that are made at the same time', () => {
  it('are one batch as far as it may hold them, and each has its own answer', async () => {
    const { coalescer, batches, drain } = doubling();
    const answers = Promise.all([1, 2, 3, 4, 5, 6].map((request) => coalescer.ask(request)));
    await drain();
    expect(await answers).toEqual([2, 4, 6, 8, 10, 12]);
    expect(batches).toEqual([
      [1, 2, 3, 4],
      [5, 6],
    ]);
  });

  it('go at once when alone, and those that come meanwhile are the next batch', async () => {
    const { coalescer, batches, drain, turn } = doubling();
    const first = coalescer.ask(1);
    await turn();
    expect(batches).toEqual([[1]]);
    const rest = [coalescer.ask(2), coalescer.ask(3)];
    await turn();
    expect(batches).toHaveLength(1);
    await drain();
    expect(await Promise.all([first, ...rest])).toEqual([2, 4, 6]);
    expect(batches).toEqual([[1], [2, 3]]);
  });

  it('wait for company only as long as they may, and not when the batch is full', async () => {
    const { coalescer, batches, drain, turn } = doubling({ waitMs: 3_600_000 });
    const answers = [coalescer.ask(1), coalescer.ask(2), coalescer.ask(3)];
    await turn();
    expect(batches).toEqual([]);
    answers.push(coalescer.ask(4));
    await drain();
    expect(await Promise.all(answers)).toEqual([2, 4, 6, 8]);
    const soon = doubling({ waitMs: 1 });
    const lone = soon.coalescer.ask(1);
    while (soon.batches.length === 0) await soon.turn();
    await soon.drain();
    expect(await lone).toBe(2);
  });

  it('fail alone when one of them is at fault, and together when the other side is', async () => {
    const { coalescer, drain } = doubling({}, 2);
    const answers = Promise.allSettled([1, 2, 3].map((request) => coalescer.ask(request)));
    await drain();
    expect((await answers).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    let runs = 0;
    const down = new Coalescer<number, number>({
      limits: () => LIMITS,
      blame: () => 'all',
      run: () => Promise.reject(new Error(`down ${++runs}`)),
    });
    const failed = await Promise.allSettled([1, 2, 3].map((request) => down.ask(request)));
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(runs).toBe(1);
  });

  it('are not asked again one by one when both halves fail too and the other side may be at fault', async () => {
    let runs = 0;
    const odd = new Coalescer<number, number>({
      limits: () => ({ ...LIMITS, size: 100 }),
      blame: () => 'perhaps one',
      run: (requests) => {
        runs += 1;
        return requests.includes(0) ? Promise.reject(new Error('odd')) : Promise.resolve(requests);
      },
    });
    const one = await Promise.allSettled(Array.from({ length: 64 }, (_, index) => odd.ask(index)));
    expect(one.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect(runs).toBeLessThanOrEqual(1 + 2 * Math.log2(64));
    runs = 0;
    const all = await Promise.allSettled(Array.from({ length: 64 }, () => odd.ask(0)));
    expect(all.every(({ status }) => status === 'rejected')).toBe(true);
    expect(runs).toBe(3);
  });

  it('leave when their caller does; the batch ends when nobody is left', async () => {
    const { coalescer, batches, signals, drain, turn } = doubling();
    const [staying, leaving] = [new AbortController(), new AbortController()];
    const left = coalescer.ask(1, leaving.signal);
    const stayed = coalescer.ask(2, staying.signal);
    await turn();
    const queued = coalescer.ask(3, leaving.signal);
    leaving.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    await expect(queued).rejects.toThrow('left');
    expect(signals[0]?.aborted).toBe(false);
    await drain();
    expect(await stayed).toBe(4);
    expect(batches).toEqual([[1, 2]]);
    const alone = doubling();
    const gone = alone.coalescer.ask(1, AbortSignal.any([leaving.signal]));
    await expect(gone).rejects.toThrow('left');
    const last = new AbortController();
    const asked = alone.coalescer.ask(2, last.signal);
    await alone.turn();
    last.abort(new Error('nobody'));
    await expect(asked).rejects.toThrow('nobody');
    expect(alone.signals[0]?.aborted).toBe(true);
    await alone.drain();
  });

  it('are all answered, whatever their sizes and limits', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(
        sizes,
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 3 }),
        async (asked, size, inParallel) => {
          const batches: number[][] = [];
          const coalescer = new Coalescer<number, number>({
            limits: () => ({ size, waitMs: 0, inParallel }),
            sizeOf: (request) => request,
            blame: () => 'one',
            run: (requests) => (batches.push([...requests]), Promise.resolve(requests)),
          });
          expect(await Promise.all(asked.map((request) => coalescer.ask(request)))).toEqual(asked);
          expect(batches.flat()).toEqual(asked);
          for (const batch of batches) {
            expect(batch.length === 1 || batch.reduce((sum, each) => sum + each, 0) <= size).toBe(true);
          }
        },
      ),
    );
  });
});

/** A request as its asker's name and its size, in hundredths of a batch: `b2`. */
function inTurns(onBatch: (ask: (request: string) => void, batches: number) => void = () => undefined) {
  const batches: string[][] = [];
  const answers: Promise<string>[] = [];
  const ask = (request: string) => void answers.push(coalescer.ask(request));
  const coalescer = new Coalescer<string, string>({
    limits: () => ({ size: 100, waitMs: 0, inParallel: 1 }),
    sizeOf: (request) => Number(request.slice(1)),
    turnOf: (request) => request.slice(0, 1),
    blame: () => 'all',
    run: (requests) => {
      batches.push([...requests]);
      onBatch(ask, batches.length);
      return Promise.resolve(requests);
    },
  });
  const drain = async () => {
    for (let seen = -1; seen < answers.length;) {
      seen = answers.length;
      await Promise.all(answers);
    }
  };
  return { batches, ask, drain };
}

describe('requests of many who take turns', () => {
  it('are joined as far as they fit: large ones of some do not end the batch of the others', async () => {
    const { batches, ask, drain } = inTurns();
    const asked = [...Array<string>(10).fill('A90'), ...Array<string>(10).fill('C99'), ...Array<string>(40).fill('b2')];
    asked.forEach(ask);
    await drain();
    expect(batches.flat().toSorted()).toEqual(asked.toSorted());
    expect(batches.slice(0, 2)).toEqual([['A90', ...Array<string>(5).fill('b2')], ['C99']]);
    // One for each large one, and at most one that small ones have for themselves.
    expect(batches.length).toBeLessThanOrEqual(21);
    expect(batches.findLastIndex((batch) => batch.includes('b2'))).toBeLessThan(4);
  });

  it('do not starve a large one, neither those of others nor those of its own that come after it', async () => {
    const { batches, ask, drain } = inTurns((more, count) => {
      if (count < 50) ['b2', ...Array<string>(60).fill('A2')].forEach(more);
    });
    ['b2', 'A99', ...Array<string>(60).fill('A2')].forEach(ask);
    await drain();
    expect(batches.findIndex((batch) => batch.includes('A99'))).toBeLessThan(3);
  });

  it('have shares by size, not by number', async () => {
    const { batches, ask, drain } = inTurns();
    [...Array<string>(4).fill('A50'), ...Array<string>(200).fill('b1')].forEach(ask);
    await drain();
    const had = (whose: string, requests: readonly string[]) =>
      requests.filter((each) => each.startsWith(whose)).reduce((sum, each) => sum + Number(each.slice(1)), 0);
    const firstHalf = batches.slice(0, 2).flat();
    expect([had('A', firstHalf), had('b', firstHalf)]).toEqual([100, 100]);
  });

  it('begin even with the others when they come late: nobody saves turns up', async () => {
    const { batches, ask, drain } = inTurns((more, count) => {
      if (count === 5) Array<string>(10).fill('b50').forEach(more);
    });
    Array<string>(20).fill('A50').forEach(ask);
    await drain();
    const late = batches.slice(5, 9).flat();
    expect(late.filter((each) => each === 'b50').length).toBeGreaterThanOrEqual(4);
    expect(late.filter((each) => each === 'A50').length).toBeGreaterThanOrEqual(3);
  });
});

describe('texts of callers that ask an embedding model at the same time', () => {
  const embedding = (maxTexts: number, maxTokens: number, bad: (texts: readonly string[]) => string | undefined) => {
    const requests: (readonly string[])[] = [];
    const model = joinedEmbedding(
      {
        model: 'm',
        dimensions: 1,
        embed: (texts) => {
          requests.push(texts);
          const code = bad(texts) as 'model_rejected' | undefined;
          if (code !== undefined) return Promise.reject(new EarshotError(code, 'refused'));
          return Promise.resolve(texts.map((text) => [text.length]));
        },
      },
      () => ({ maxTexts, maxTokens, waitMs: 0, inFlight: 1 }),
      () => undefined,
    );
    const { signal } = new AbortController();
    return { requests, embed: (...texts: string[]) => model.embed(texts, signal) };
  };

  it('go in one request of so many texts and tokens', async () => {
    const { requests, embed } = embedding(3, 1_000, () => undefined);
    expect(await Promise.all([embed('a', 'bb'), embed('ccc'), embed('dddd')])).toEqual([[[1], [2]], [[3]], [[4]]]);
    expect(requests).toEqual([['a', 'bb', 'ccc'], ['dddd']]);
    const short = embedding(100, 2, () => undefined);
    await Promise.all([short.embed('12345678'), short.embed('1234')]);
    expect(short.requests).toEqual([['12345678'], ['1234']]);
  });

  it.each(['model_rejected', 'model_answer_invalid'])('fail alone when one is the cause of %s', async (code) => {
    const { embed } = embedding(10, 1_000, (texts) => (texts.includes('poison') ? code : undefined));
    const answers = await Promise.allSettled([embed('fine'), embed('poison'), embed('well')]);
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('of one tenant that are unusable, however many, fail none of another', async () => {
    const { requests, embed } = embedding(10, 1_000, (texts) =>
      texts.some((text) => text.endsWith('!')) ? 'model_answer_invalid' : undefined,
    );
    const of = (text: string) =>
      withStanding({ behindLive: false, waitsOutPauses: false, tenant: text.slice(0, 1) }, () => embed(text));
    const answers = await Promise.allSettled(['a!', 'b', 'a!', 'b', 'b', 'b', 'a', 'a!', 'c!', 'c'].map(of));
    const good = answers.map(({ status }) => status === 'fulfilled');
    expect(good).toEqual([false, true, false, true, true, true, false, false, false, true]);
    // The whole, its halves, and at most three for each of three tenants.
    expect(requests.length).toBeLessThanOrEqual(1 + 2 + 3 * 3);
  });

  it('take turns by tenant, however many of one wait, and however small a request is', async () => {
    const { requests, embed } = embedding(1, 1_000, () => undefined);
    const of = (tenant: string, text: string) =>
      withStanding({ behindLive: false, waitsOutPauses: false, tenant }, () => embed(text));
    const flood = ['a1', 'a2', 'a3', 'a4'].map((text) => of('a', text));
    await Promise.all([...flood, of('b', 'b1'), of('b', 'b2'), of('c', 'c1')]);
    expect(requests.flat()).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4']);
  });

  it('of live records neither wait for those of history nor go with them', async () => {
    const held = Promise.withResolvers<void>();
    const model = joinedEmbedding(
      {
        model: 'm',
        dimensions: 1,
        embed: async (texts) => {
          if (standing().behindLive) await held.promise;
          return texts.map((text) => [text.length]);
        },
      },
      () => ({ maxTexts: 10, maxTokens: 1_000, waitMs: 0, inFlight: 1 }),
      () => undefined,
    );
    const { signal } = new AbortController();
    const history = withStanding({ behindLive: true, waitsOutPauses: false }, () => model.embed(['old'], signal));
    expect(await model.embed(['new!'], signal)).toEqual([[4]]);
    held.resolve();
    expect(await history).toEqual([[3]]);
  });
});
