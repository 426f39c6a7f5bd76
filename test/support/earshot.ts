import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Connection, WorkflowClient } from '@temporalio/client';
import { inject } from 'vitest';
import { startApplication, type RunningApplication } from '../../src/stack/application.ts';
import { freePort } from '../../src/stack/processes.ts';
import { createDatabase, migratedDatabase, type TestDatabase } from './database.ts';
import { until } from './until.ts';

export interface Answer<T = Record<string, unknown>> {
  readonly status: number;
  readonly body: T;
  readonly headers: Headers;
}

export interface Interaction {
  readonly state: string;
  readonly reason: string | null;
  readonly degraded: string[];
  readonly modelMs: number;
  readonly stamps: Record<string, string | null>;
  readonly freshness: Record<string, number | null>;
  readonly artifacts: { kind: string; state: string; reason: string | null; chunks: number; redactions: object }[];
}

export interface Hit {
  readonly chunkId: string;
  readonly text: string;
  readonly modality: string;
  readonly interactionId: string;
  readonly conversationId: string | null;
  readonly customerId: string;
  readonly eventTime: string;
  readonly place: { kind: string; startMs: number; endMs: number; x: number; y: number };
  readonly confidence: number;
  readonly models: Record<string, string>;
  readonly ranks: { text: number | null; vector: number | null };
  readonly freshness: Record<string, number | null>;
  readonly reachableAt: string | null;
  readonly degraded: string[];
}

export interface Retrieval {
  readonly results: Hit[];
  readonly history: string;
  readonly pending: {
    interactionId: string;
    modality: string;
    stage: string;
    progress: { done: number; total: number };
    etaSeconds: number | null;
  }[];
  readonly degraded: string[];
  readonly newestEventTime: string | null;
  readonly retrievalId: string;
}

/** A whole Earshot of one test file: real processes, its own database, raw store and Temporal namespace. */
export interface TestEarshot {
  readonly env: Readonly<Record<string, string>>;
  /** Holds its raw store, unless another is given, and its log. */
  readonly folder: string;
  readonly database: TestDatabase;
  readonly namespace: string;
  readonly temporal: WorkflowClient;
  readonly connection: Connection;
  application: RunningApplication | undefined;
  start(options?: { entry?: string; args?: string[] }): Promise<RunningApplication>;
  request<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer<T>>;
  message(fields?: Partial<MessageFields>): Promise<Answer<{ interactionId: string; workflowId: string }>>;
  upload<T = { interactionId: string; workflowId: string }>(
    path: string,
    part: string,
    bytes: Uint8Array,
    metadata: unknown,
  ): Promise<Answer<T>>;
  retrieve(body: Record<string, unknown>): Promise<Retrieval>;
  interaction(id: string): Promise<Interaction>;
  /** Waits until a record is in one of the states. */
  settled(id: string, ...states: string[]): Promise<Interaction>;
  logs(): Promise<string>;
  stop(): Promise<void>;
}

export interface MessageFields {
  conversationId: string;
  messageId: string;
  customerId: string;
  sentAt: string;
  author: string;
  text: string;
}

export interface EarshotOptions {
  readonly models?: { readonly url: string };
  readonly env?: Readonly<Record<string, string>>;
  /** Dials to move before anything starts. */
  readonly dials?: Readonly<Record<string, number>>;
  /** Settings of a stack of the test's own, instead of the one that all tests share. */
  readonly stackEnv?: Readonly<Record<string, string>>;
}

/** What runs by itself would change what other tests count: it runs where a test asks for it. */
const QUIET = { 'canary.interval_ms': 0, 'reconcile.interval_ms': 0, 'backlog.sample_interval_ms': 0 };

export const API_KEY = 'test-key-of-all-scopes-0001';

/** Tests send the same few sounds and pictures again and again, and say much in a short tone. */
const LENIENT = { 'quality.duplicate_window_ms': 0, 'quality.max_words_per_second': 100 };

/** Prepares an Earshot; `start()` runs its processes. */
export async function prepareEarshot(options: EarshotOptions = {}): Promise<TestEarshot> {
  const stackEnv = options.stackEnv ?? inject('stackEnv');
  const database = await (options.stackEnv === undefined
    ? createDatabase()
    : migratedDatabase(stackEnv['DATABASE_URL']!));
  for (const [name, value] of Object.entries({ ...QUIET, ...LENIENT, ...options.dials })) {
    await database.query('insert into dial (name, value) values ($1, $2)', [name, value]);
  }
  const folder = await mkdtemp(join(tmpdir(), 'earshot-test-'));
  const connection = await Connection.connect({ address: stackEnv['TEMPORAL_ADDRESS']! });
  const namespace = `test-${randomBytes(6).toString('hex')}`;
  await createNamespace(connection, namespace);
  const env: Record<string, string> = {
    ...stackEnv,
    DATABASE_URL: database.url,
    TEMPORAL_NAMESPACE: namespace,
    RAW_STORE_URL: pathToFileURL(join(folder, 'raw')).href,
    EARSHOT_API_KEYS: `${API_KEY}:channel+copilot+operator+auditor`,
    PORT: String(await freePort(0)),
    ...(options.models === undefined ? {} : { OPENAI_BASE_URL: options.models.url }),
    ...options.env,
  };
  const url = `http://127.0.0.1:${env['PORT']}`;
  const running: RunningApplication[] = [];
  const send = async <T>(method: string, path: string, init: RequestInit): Promise<Answer<T>> => {
    const headers = { authorization: `Bearer ${API_KEY}`, ...(init.headers as Record<string, string>) };
    const response = await fetch(url + path, { ...init, method, headers });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: (text === '' ? {} : parse(text)) as T };
  };
  const earshot: TestEarshot = {
    env,
    folder,
    database,
    namespace,
    connection,
    temporal: new WorkflowClient({ connection, namespace }),
    application: undefined,
    start: async (start = {}) => {
      const application = await startApplication({ env, folder, ...start });
      earshot.application = application;
      running.push(application);
      return application;
    },
    request: (method, path, body, headers = {}) =>
      send(method, path, {
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
    message: (fields = {}) => {
      const { conversationId, ...body } = { ...defaultMessage(fields.customerId), ...fields };
      return earshot.request('POST', `/v1/chats/${encodeURIComponent(conversationId)}/messages`, body);
    },
    upload: (path, part, bytes, metadata) => {
      const form = new FormData();
      form.append('metadata', JSON.stringify(metadata));
      form.append(part, new Blob([new Uint8Array(bytes)]), 'upload');
      return send('POST', path, { body: form });
    },
    retrieve: async (body) => (await earshot.request<Retrieval>('POST', '/v1/retrieve', body)).body,
    interaction: async (id) => (await earshot.request<Interaction>('GET', `/v1/interactions/${id}`)).body,
    settled: (id, ...states) =>
      until(`record ${id} is ${states.join(' or ')}`, async () => {
        const interaction = await earshot.interaction(id).catch(() => undefined);
        return interaction !== undefined && states.includes(interaction.state) && interaction;
      }),
    logs: () => readFile(join(folder, 'logs', 'earshot.log'), 'utf8'),
    stop: async () => {
      await Promise.all(running.map((application) => application.stop()));
      await connection.close();
      await (options.stackEnv === undefined ? database.drop() : database.close());
      await rm(folder, { recursive: true, force: true });
    },
  };
  return earshot;
}

/** An Earshot with its one process running. */
export async function startEarshot(options: EarshotOptions = {}): Promise<TestEarshot> {
  const earshot = await prepareEarshot(options);
  await earshot.start();
  return earshot;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return { text };
  }
}

let messages = 0;

/** Each customer talks in a conversation of their own, if their id can name one. */
function defaultMessage(customerId = 'customer-1'): MessageFields {
  messages += 1;
  return {
    conversationId: /^[\w-]{1,40}$/.test(customerId) ? `conversation-of-${customerId}` : 'conversation-1',
    messageId: `message-${messages}`,
    customerId,
    sentAt: new Date().toISOString(),
    author: 'customer',
    text: `message number ${messages}`,
  };
}

async function createNamespace(connection: Connection, namespace: string): Promise<void> {
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
  });
  await until('the namespace is known', () =>
    connection.workflowService.listWorkflowExecutions({ namespace }).then(
      () => true,
      () => false,
    ),
  );
}
