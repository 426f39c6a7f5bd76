/** How much is joined, and how long it is waited for. */
export interface CoalesceLimits {
  /** Most that one batch holds, as `sizeOf` counts. A request that is larger goes alone. */
  readonly size: number;
  /** How long a request waits for company, in milliseconds. At 0 those of one turn of the event loop are joined. */
  readonly waitMs: number;
  /** Batches under way at a time. What comes while they are is the next batch: load makes batches grow by itself. */
  readonly inParallel: number;
}

/**
 * `one`: of one of the batch, which is found by halves, and fails alone. `perhaps one`: the same, unless both halves fail:
 * then of all of one asker; several go apart first, so that none fails for another's. `all`: the other side's, so that
 * asking again would only add to its load.
 */
export type Blame = 'one' | 'perhaps one' | 'all';

export interface CoalescerOptions<Request, Answer> {
  /** Answers requests in their order. */
  readonly run: (requests: readonly Request[], signal: AbortSignal) => Promise<readonly Answer[]>;
  /** Asked for at each batch, so that dials move it. */
  readonly limits: () => CoalesceLimits;
  readonly sizeOf?: (request: Request) => number;
  /** Whose a request is: those who ask take turns, by size. Without it all are of one. The requests of one go in their order. */
  readonly turnOf?: (request: Request) => string;
  /** Whose fault it is that a batch failed. */
  readonly blame: (error: unknown) => Blame;
  readonly onBatch?: (requests: number) => void;
}

interface Waiting<Request, Answer> {
  readonly request: Request;
  readonly since: number;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

interface Turn<Request, Answer> {
  readonly waiting: Waiting<Request, Answer>;
  readonly whose: string;
  readonly size: number;
  /** What whose it is will have had before it. */
  readonly had: number;
}

/**
 * Joins requests that are made at the same time into one, each with an answer of its own: one statement, or one model
 * request, for what many workflows ask. A lone request goes at once. One that is at fault fails alone.
 */
export class Coalescer<Request, Answer> {
  readonly #options: CoalescerOptions<Request, Answer>;
  #waiting: Waiting<Request, Answer>[] = [];
  /** How much each who asks has had, as `sizeOf` counts; forgotten when nobody waits. */
  readonly #had = new Map<string, number>();
  /** What the one whose turn it was had had. Who comes later begins there: nobody saves turns up. */
  #level = 0;
  #underWay = 0;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;

  constructor(options: CoalescerOptions<Request, Answer>) {
    this.#options = options;
  }

  /** A caller whose signal is aborted leaves; the batch goes on for the others, and ends when nobody is left. */
  ask(request: Request, signal?: AbortSignal): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason as Error);
      this.#waiting.push({ request, since: performance.now(), signal, resolve, reject });
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      this.#schedule();
    });
  }

  #schedule(): void {
    const [oldest] = this.#waiting;
    const { size, waitMs, inParallel } = this.#options.limits();
    if (oldest === undefined || this.#underWay >= inParallel || this.#immediate !== undefined) return;
    const left = waitMs - (performance.now() - oldest.since);
    clearTimeout(this.#timer);
    if (left <= 0 || this.#sizeOfWaiting() >= size) this.#immediate = setImmediate(() => this.#next());
    else this.#timer = setTimeout(() => this.#schedule(), left);
  }

  #next(): void {
    this.#immediate = undefined;
    const batch = this.#take(this.#options.limits().size);
    if (batch.length > 0) void this.#runBatch(batch);
    this.#schedule();
  }

  /** Whoever is first in turn goes. What does not fit beside them is passed over, and is then sooner in turn than who went. */
  #take(size: number): Waiting<Request, Answer>[] {
    this.#waiting = this.#waiting.filter(({ signal }) => signal?.aborted !== true);
    const taken = new Set<Waiting<Request, Answer>>();
    const passedOver = new Set<string>();
    let total = 0;
    for (const { waiting, whose, size: added, had } of this.#inTurns()) {
      const first = taken.size === 0;
      if (first) this.#level = had;
      // None of its own may overtake what was passed over: they would use up the turn for which it waits.
      if (!first && (passedOver.has(whose) || total + added > size)) passedOver.add(whose);
      else {
        total += added;
        taken.add(waiting);
        this.#had.set(whose, had + added);
      }
    }
    this.#waiting = this.#waiting.filter((each) => !taken.has(each));
    if (this.#waiting.length === 0) this.#forgetTurns();
    return [...taken];
  }

  /** Whoever has had least first, as start-time fair queueing does (Goyal, Vin and Cheng 1996): equal shares of size, not of requests. */
  #inTurns(): readonly Turn<Request, Answer>[] {
    const begun = new Map<string, number>();
    return this.#waiting
      .map((waiting) => {
        const [whose, size] = [this.#whose(waiting), this.#sizeOf(waiting.request)];
        const had = begun.get(whose) ?? Math.max(this.#level, this.#had.get(whose) ?? 0);
        begun.set(whose, had + size);
        return { waiting, whose, size, had };
      })
      .sort((one, other) => one.had - other.had);
  }

  #forgetTurns(): void {
    this.#had.clear();
    this.#level = 0;
  }

  #whose({ request }: Waiting<Request, Answer>): string {
    return this.#options.turnOf?.(request) ?? '';
  }

  async #runBatch(batch: readonly Waiting<Request, Answer>[]): Promise<void> {
    this.#underWay += 1;
    try {
      this.#options.onBatch?.(batch.length);
      const failed = await this.#try(batch);
      if (failed !== undefined) await this.#apart(batch, failed.error);
    } finally {
      this.#underWay -= 1;
      this.#schedule();
    }
  }

  /** Answers a batch, or says how it failed. */
  async #try(batch: readonly Waiting<Request, Answer>[]): Promise<{ readonly error: unknown } | undefined> {
    const requests = batch.map(({ request }) => request);
    try {
      const answers = await this.#options.run(requests, whileAnyListens(batch.map(({ signal }) => signal)));
      batch.forEach(({ resolve }, index) => resolve(answers[index]!));
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  /** Finds whose fault it is by halves, and lets the others have their answers. */
  async #apart(batch: readonly Waiting<Request, Answer>[], error: unknown): Promise<void> {
    const blame = batch.length === 1 ? 'all' : this.#options.blame(error);
    if (blame === 'all') return batch.forEach(({ reject }) => reject(error));
    const middle = Math.ceil(batch.length / 2);
    const failed = await this.#tryEach([batch.slice(0, middle), batch.slice(middle)]);
    if (blame === 'perhaps one' && failed.length === 2) return this.#apartByAsker(batch, error);
    for (const { part, error: own } of failed) await this.#apart(part, own);
  }

  /** When the other side is not well this is at most three requests more for each asker. */
  async #apartByAsker(batch: readonly Waiting<Request, Answer>[], error: unknown): Promise<void> {
    const parts = [...Map.groupBy(batch, (waiting) => this.#whose(waiting)).values()];
    if (parts.length === 1) return batch.forEach(({ reject }) => reject(error));
    for (const { part, error: own } of await this.#tryEach(parts)) await this.#apart(part, own);
  }

  /** Those that failed. */
  async #tryEach(parts: readonly (readonly Waiting<Request, Answer>[])[]) {
    const failed: { readonly part: readonly Waiting<Request, Answer>[]; readonly error: unknown }[] = [];
    for (const part of parts) {
      const outcome = await this.#try(part);
      if (outcome !== undefined) failed.push({ part, error: outcome.error });
    }
    return failed;
  }

  #sizeOf(request: Request): number {
    return this.#options.sizeOf?.(request) ?? 1;
  }

  #sizeOfWaiting(): number {
    return this.#waiting.reduce((sum, { request }) => sum + this.#sizeOf(request), 0);
  }
}

/** Aborted when all callers have left; never, when one of them cannot leave. */
function whileAnyListens(signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  const controller = new AbortController();
  let listening = signals.length;
  for (const signal of signals) {
    const left = () => {
      listening -= 1;
      if (listening === 0) controller.abort(signal?.reason);
    };
    if (signal?.aborted === true) left();
    else signal?.addEventListener('abort', left, { once: true });
  }
  return controller.signal;
}
