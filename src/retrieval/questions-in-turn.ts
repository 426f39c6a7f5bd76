import { QUESTION_CONNECTIONS, type Database, type Queryable } from '../db/pools.ts';

/**
 * A database for the questions of one batch, which all have got their vectors at once: they are sent a few at a time, the
 * others in their order. Left to the pool, the last of them would be refused for having waited long for a connection, and
 * nobody else would get one meanwhile.
 */
export function withQuestionsInTurn(database: Database): Database {
  const plain = turns(QUESTION_CONNECTIONS.plain - 1);
  const filtered = turns(QUESTION_CONNECTIONS.filtered - 1);
  return {
    ...database,
    forTenant: (tenant) => {
      const own = database.forTenant(tenant);
      const { questions } = own;
      return {
        ...own,
        questions: { plain: inTurn(questions.plain, plain), filtered: inTurn(questions.filtered, filtered) },
      };
    },
  };
}

type Turns = <T>(work: () => Promise<T>) => Promise<T>;

function inTurn(db: Queryable, take: Turns): Queryable {
  return { ...db, query: (config) => take(() => db.query(config)) };
}

/** Does at most so much at once, and what comes then in its order. */
function turns(most: number): Turns {
  let free = most;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}
