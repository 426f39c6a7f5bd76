import pg from 'pg';
import { EarshotError } from '../domain/errors.ts';

/** A statement with a name of its own, so that each connection parses and plans it once. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /** What it is counted as, where its name tells variants apart that come and go. */
  readonly family?: string;
}

/** A pool or one of its connections. */
export interface Queryable {
  query(config: { name: string; text: string; family?: string; values: unknown[] }): Promise<{ rows: unknown[] }>;
  /** Set where a failed statement ends the whole transaction, so that it must not be sent again alone. */
  readonly inTransaction?: true;
}

/** Told of every statement sent, by name: one call is one round trip. */
export type RoundTripListener = (statement: string) => void;

export interface TenantDatabase {
  readonly tenant: string;
  /** Reads and writes the rows of the tenant. */
  readonly app: Queryable;
  /** Reads the rows of the tenant; every write is refused by the database itself. */
  readonly reader: Queryable;
  /**
   * The rights of `app` and of `reader` for the statements on a record's way to its vector: each is planned once,
   * whatever its values. Left to itself Postgres plans a statement over a list anew each time when lists are short.
   */
  readonly live: { readonly app: Queryable; readonly reader: Queryable };
  /**
   * The rights of `reader` for questions. One without filters is planned once, its statement being written so that one plan
   * serves all values: planning it takes longer than answering for most customers. One with filters is planned anew each
   * time: a plan for any window of time would look at all of the window for each part of the index.
   */
  readonly questions: { readonly plain: Queryable; readonly filtered: Queryable };
  /**
   * Several statements as one transaction (READ COMMITTED), with the rights of `app`. For where a later statement must
   * see what was committed while an earlier one waited for a lock; else one statement is the better transaction.
   */
  transaction<T>(work: (transaction: Queryable) => Promise<T>): Promise<T>;
}

export interface Database {
  forTenant(tenant: string): TenantDatabase;
  /** Tables that belong to the deployment: tenants, dials, index versions. */
  readonly deployment: Queryable;
  check(): Promise<void>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  /** Connections of this process per tenant and role. Postgres allows 100 in all by default. */
  readonly poolSize?: number;
  readonly onRoundTrip?: RoundTripListener;
}

const TENANT = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/**
 * Opens the database for all tenants. A connection belongs to one tenant and one role from its first byte to its last:
 * both are fixed by start-up options, so nothing has to be set, or can be forgotten, per transaction.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const pools = new Map<string, pg.Pool>();
  const poolOf = ({ name, role, settings, most = CONNECTIONS }: PoolKind, tenant?: string): pg.Pool => {
    const key = `${name}/${tenant ?? ''}`;
    const existing = pools.get(key);
    if (existing !== undefined) return existing;
    const created = openPool(options, Math.min(most, options.poolSize ?? CONNECTIONS), [
      `role=${role}`,
      `earshot.tenant=${tenant ?? ''}`,
      ...settings,
    ]);
    pools.set(key, created);
    return created;
  };
  const pool = (kind: PoolKind, tenant?: string): Queryable => counted(poolOf(kind, tenant), options.onRoundTrip);
  const deployment = pool(APP);
  return {
    deployment,
    forTenant: (tenant) => {
      if (!TENANT.test(tenant)) throw new EarshotError('misconfigured', 'a tenant name has an invalid character');
      return {
        tenant,
        app: pool(APP, tenant),
        reader: pool(READER, tenant),
        live: { app: pool(LIVE_APP, tenant), reader: pool(LIVE_READER, tenant) },
        questions: { plain: pool(PLAIN_QUESTIONS, tenant), filtered: pool(FILTERED_QUESTIONS, tenant) },
        transaction: (work) => inTransaction(poolOf(APP, tenant), options.onRoundTrip, work),
      };
    },
    check: () => checkSettings(pool(READER)),
    close: async () => {
      await Promise.all([...pools.values()].map((each) => each.end()));
    },
  };
}

/**
 * A statement over many tables is planned as if it were long, and compiling it would take longer than running it ("jit").
 * Without iterative scan a filtered HNSW search returns a fraction of what it was asked for. The setting's value is
 * read back by the readiness check, because pgvector takes an unknown value as "off" with only a warning.
 */
const READER_SETTINGS = [
  'default_transaction_read_only=on',
  'hnsw.iterative_scan=strict_order',
  'hnsw.ef_search=100',
  'jit=off',
];

const PLANNED_ONCE = ['plan_cache_mode=force_generic_plan'];
const PLANNED_ANEW = ['plan_cache_mode=force_custom_plan'];

/** Of a tenant, at most. */
const CONNECTIONS = 10;

/** What all connections of a pool have in common. */
interface PoolKind {
  /** Tells it apart from the others of a tenant. */
  readonly name: string;
  readonly role: 'earshot_app' | 'earshot_reader';
  readonly settings: readonly string[];
  /** The most connections of a tenant. */
  readonly most?: number;
}

const APP: PoolKind = { name: 'app', role: 'earshot_app', settings: [] };
const READER: PoolKind = { name: 'reader', role: 'earshot_reader', settings: READER_SETTINGS };
const LIVE_APP: PoolKind = { name: 'live app', role: 'earshot_app', settings: PLANNED_ONCE };
const LIVE_READER: PoolKind = {
  ...{ name: 'live reader', role: 'earshot_reader', settings: [...READER_SETTINGS, ...PLANNED_ONCE] },
  // It proves what was written, by joined statements: two at a time of live records, and two of history.
  most: 6,
};
/** Connections of a tenant for questions of each kind. */
export const QUESTION_CONNECTIONS = { plain: CONNECTIONS, filtered: 5 } as const;
const PLAIN_QUESTIONS: PoolKind = {
  ...{ name: 'plain questions', role: 'earshot_reader', settings: [...READER_SETTINGS, ...PLANNED_ONCE] },
  most: QUESTION_CONNECTIONS.plain,
};
const FILTERED_QUESTIONS: PoolKind = {
  ...{ name: 'filtered questions', role: 'earshot_reader', settings: [...READER_SETTINGS, ...PLANNED_ANEW] },
  most: QUESTION_CONNECTIONS.filtered,
};

/** Answers when the database does, and search is as iterative as it was asked to be. */
async function checkSettings(reader: Queryable): Promise<void> {
  // The vector loads the extension, which then judges the setting that the connection came with.
  const text = `select '[1]'::vector is not null as loaded, current_setting('hnsw.iterative_scan') as scan`;
  const { scan } = only(await run<{ scan: string }>(reader, { name: 'check_settings', text }, []));
  if (scan === 'strict_order') return;
  throw new EarshotError(
    'misconfigured',
    `DATABASE_URL: hnsw.iterative_scan is ${scan}; pgvector 0.8.4 or later is needed`,
  );
}

function openPool(options: DatabaseOptions, max: number, settings: string[]): pg.Pool {
  const all = [...settings, 'statement_timeout=15s', 'lock_timeout=10s', 'idle_in_transaction_session_timeout=15s'];
  const pool = new pg.Pool({
    connectionString: options.url,
    max,
    connectionTimeoutMillis: 5_000,
    // Past the server's own limit: a connection whose other end is gone would never answer.
    query_timeout: 20_000,
    idleTimeoutMillis: 60_000,
    // Statements over segments of the index are other ones after each sealing; those that were prepared go with it.
    maxLifetimeSeconds: 1_800,
    keepAlive: true,
    application_name: 'earshot',
    options: all.map((setting) => `-c ${setting}`).join(' '),
  });
  // A connection that breaks while idle is dropped by the pool; without a listener it would end the process.
  pool.on('error', () => undefined);
  return pool;
}

function counted(connection: pg.Pool | pg.PoolClient, listener: RoundTripListener | undefined): Queryable {
  return {
    query: (config) => {
      listener?.(config.family ?? config.name);
      return connection.query(config);
    },
  };
}

async function inTransaction<T>(
  pool: pg.Pool,
  listener: RoundTripListener | undefined,
  work: (transaction: Queryable) => Promise<T>,
): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw databaseError('connect', sqlState(error));
  });
  let broken: Error | undefined;
  // Without a listener a connection that breaks between two statements would end the process.
  const onError = (error: Error) => void (broken = error);
  client.on('error', onError);
  try {
    await client.query('begin');
    const result = await work({ ...counted(client, listener), inTransaction: true });
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch((failure: Error) => (broken = failure));
    throw error instanceof EarshotError ? error : databaseError('transaction', sqlState(error));
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}

/** Failures that ask for the same statement again at once: serialization failure and deadlock. */
const CONTENTION = new Set(['40001', '40P01']);
const CONTENTION_ATTEMPTS = 5;

/**
 * Sends one statement, again after contention. Statements are idempotent, so a caller may repeat them after any error.
 *
 * @throws EarshotError `database_unavailable` with the statement's name and SQLSTATE, never its values.
 */
export async function run<Row>(db: Queryable, statement: Statement, values: unknown[]): Promise<Row[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      const { rows } = await db.query({ ...statement, values });
      return rows as Row[];
    } catch (error) {
      const code = sqlState(error);
      const again = CONTENTION.has(code) && attempt < CONTENTION_ATTEMPTS && db.inTransaction !== true;
      if (!again) throw databaseError(statement.name, code);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20 * attempt));
    }
  }
}

/** Drops the driver's error as a cause: its `detail` and `where` repeat values of the statement. */
function databaseError(name: string, code: string): EarshotError {
  return new StatementError(name, code);
}

class StatementError extends EarshotError {
  readonly sqlState: string;

  constructor(name: string, sqlState: string) {
    super('database_unavailable', `statement ${name} failed with ${sqlState}`);
    this.sqlState = sqlState;
  }
}

/** Data exceptions and constraints. */
const A_VALUE = /^(22|23)/;
/** A limit of Postgres, a row that is locked, rows that are too many. */
const PERHAPS_A_VALUE = /^(54|55P03|57014)/;

/** Whether one of several requests that a statement joined made it fail. */
export function blameOfStatement(error: unknown): 'one' | 'perhaps one' | 'all' {
  if (!(error instanceof StatementError)) return 'all';
  if (A_VALUE.test(error.sqlState)) return 'one';
  return PERHAPS_A_VALUE.test(error.sqlState) ? 'perhaps one' : 'all';
}

function sqlState(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'no answer';
}

/** The one row that a statement always returns. */
export function only<Row>(rows: Row[]): Row {
  const row = rows[0];
  if (row === undefined) throw new EarshotError('database_unavailable', 'a statement returned no row');
  return row;
}
