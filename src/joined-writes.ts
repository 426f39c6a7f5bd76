import { Coalescer, type CoalesceLimits } from './coalescer.ts';
import {
  probeReachable,
  settle,
  storeEmbeddings,
  takeMessages,
  type MessageBatch,
  type NewEmbeddings,
  type SettleRequest,
  type TakeRequest,
} from './db/embeddings.ts';
import { blameOfStatement, type Database } from './db/pools.ts';

/** The statements on a message's way to its vector. */
export type JoinedStatement = 'take' | 'store' | 'probe' | 'settle';

export interface JoinedWritesDependencies {
  readonly database: Database;
  /** Rows that one statement joins, how long requests wait for company, and how many statements of a kind go at a time. */
  readonly limits: () => CoalesceLimits;
  /** Told of each statement, and how many requests it joined. */
  readonly onStatement: (statement: JoinedStatement, requests: number) => void;
}

interface Statements {
  readonly take: Coalescer<TakeRequest, MessageBatch | undefined>;
  readonly store: Coalescer<NewEmbeddings, string[]>;
  readonly probe: Coalescer<readonly string[], string[]>;
  readonly settle: Coalescer<SettleRequest, boolean>;
}

/**
 * Sends what conversations, calls and screenshots of one tenant ask at the same time as one statement, each with an
 * answer of its own. What a statement promises for one it promises for each: they share a transaction, not a fate.
 */
export class JoinedWrites {
  readonly #deps: JoinedWritesDependencies;
  readonly #statements = new Map<string, Statements>();

  constructor(deps: JoinedWritesDependencies) {
    this.#deps = deps;
  }

  take(tenant: string, indexVersion: number, request: TakeRequest): Promise<MessageBatch | undefined> {
    return this.#of(tenant, indexVersion).take.ask(request);
  }

  /** Answers the chunks of these that are now present. */
  store(embeddings: NewEmbeddings): Promise<string[]> {
    return this.#of(embeddings.tenant, embeddings.indexVersion).store.ask(embeddings);
  }

  /** Answers which of these chunks the read path returns. */
  probe(tenant: string, indexVersion: number, chunkIds: readonly string[]): Promise<string[]> {
    return this.#of(tenant, indexVersion).probe.ask(chunkIds);
  }

  /** Answers whether the session of the request, where it names one, now sleeps. */
  settle(tenant: string, indexVersion: number, request: SettleRequest): Promise<boolean> {
    return this.#of(tenant, indexVersion).settle.ask(request);
  }

  #of(tenant: string, indexVersion: number): Statements {
    const name = `${tenant}/${indexVersion}`;
    const known = this.#statements.get(name);
    if (known !== undefined) return known;
    const opened = this.#open(tenant, indexVersion);
    this.#statements.set(name, opened);
    return opened;
  }

  #open(tenant: string, version: number): Statements {
    const { app, reader } = this.#deps.database.forTenant(tenant).live;
    return {
      take: new Coalescer({
        ...this.#common('take'),
        run: (requests) => takeMessages(app, tenant, requests, version),
        // Most conversations have a few messages; some have all that they may.
        sizeOf: ({ limit }) => Math.ceil(limit / 20),
      }),
      store: new Coalescer({
        ...this.#common('store'),
        run: async (requests) => {
          const stored = await storeEmbeddings(app, joined(requests));
          return requests.map(({ rows }) =>
            only(
              rows.map(({ chunkId }) => chunkId),
              stored,
            ),
          );
        },
        sizeOf: ({ rows }) => rows.length,
      }),
      probe: new Coalescer({
        ...this.#common('probe'),
        run: async (requests) => {
          const seen = await probeReachable(reader, tenant, version, requests.flat());
          return requests.map((chunkIds) => only(chunkIds, seen));
        },
        sizeOf: (chunkIds) => chunkIds.length,
      }),
      settle: new Coalescer({
        ...this.#common('settle'),
        run: (requests) => settle(app, tenant, version, requests),
        sizeOf: ({ interactionIds }) => interactionIds.length,
      }),
    };
  }

  #common(statement: JoinedStatement) {
    return {
      limits: this.#deps.limits,
      blame: blameOfStatement,
      onBatch: (requests: number) => this.#deps.onStatement(statement, requests),
    };
  }
}

/** What was asked by the same process for the same version differs in its rows alone. */
function joined(requests: readonly NewEmbeddings[]): NewEmbeddings {
  return { ...requests[0]!, rows: requests.flatMap(({ rows }) => rows) };
}

function only(asked: readonly string[], answered: readonly string[]): string[] {
  const known = new Set(answered);
  return asked.filter((id) => known.has(id));
}
