import { readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { API_KEY, startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { tone } from '../support/sound.ts';
import { acceptInTenant, plantTraces } from '../support/traces.ts';
import { until } from '../support/until.ts';
import { unzip } from '../support/zip.ts';

/** Every character that a path could stumble over. */
const ADA = 'ada/löwe ?#%+&="\\🦓';
const CARD = '4539148803436467';

let models: FakeModels;
let earshot: TestEarshot;
let recording: Buffer;
let picture: Buffer;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models, env: { LOG_LEVEL: 'trace' } });
  models.transcript = `The ornithopter that I paid with ${CARD} has not arrived.`;
  models.screenLines = ['Checkout', `Card ${CARD}`];
  recording = tone(2);
  picture = await png('red');
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

const png = (background: string) =>
  sharp({ create: { width: 60, height: 40, channels: 3, background } })
    .png()
    .toBuffer();

const exportOf = (customerId: string) =>
  fetch(`http://127.0.0.1:${earshot.env['PORT']}/v1/customers/${encodeURIComponent(customerId)}/export`, {
    headers: { authorization: `Bearer ${API_KEY}` },
  });

async function exported(customerId: string): Promise<Map<string, Buffer>> {
  const response = await exportOf(customerId);
  expect(response.status).toBe(200);
  return unzip(new Uint8Array(await response.arrayBuffer()));
}

type Line = Readonly<Record<string, unknown>>;

const linesOf = (files: Map<string, Buffer>, name: string) =>
  files
    .get(name)!
    .toString()
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);

interface ManifestFile {
  readonly customerId: string;
  readonly generatedAt: string;
  readonly formatVersion: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly files: { file: string; holds: string }[];
  readonly problems: { file: string; interactionId?: string; retrievalId?: string; code: string }[];
}

const manifestOf = (files: Map<string, Buffer>) => JSON.parse(files.get('manifest.json')!.toString()) as ManifestFile;

async function say(customerId: string, text: string, fields: object = {}): Promise<string> {
  const { body } = await earshot.message({ customerId, conversationId: `chat of ${customerId}`, text, ...fields });
  return body.interactionId;
}

async function show(customerId: string, image: Buffer): Promise<string> {
  const metadata = { screenshotId: `screen ${Math.random()}`, customerId, capturedAt: '2026-03-02T10:00:00Z' };
  const { body } = await earshot.upload('/v1/screenshots', 'image', image, metadata);
  return body.interactionId;
}

async function ask(query: string, customerId: string): Promise<string> {
  const { retrievalId } = await earshot.retrieve({ query, customerId });
  await until('the question is recorded', async () => {
    const rows = await earshot.database.query('select 1 from retrieval where retrieval_id = $1', [retrievalId]);
    return rows.length === 1;
  });
  return retrievalId;
}

describe('the export of a customer with a chat, a call and a screenshot', () => {
  const ids = { chat: '', call: '', screen: '', asked: '' };
  const others: string[] = [];
  let files: Map<string, Buffer>;

  beforeAll(async () => {
    ids.chat = await say(ADA, `a xylophonist, card ${CARD}`, { author: 'agent', sentAt: '2026-03-01T09:00:00Z' });
    const metadata = { callId: 'kumquat', customerId: ADA, startedAt: '2026-03-01T10:00:00Z', agentId: 'Eustachia' };
    ids.call = (await earshot.upload('/v1/calls', 'audio', recording, metadata)).body.interactionId;
    ids.screen = await show(ADA, picture);
    others.push(await say('bob', 'the walrus of bob'), await show('bob', await png('blue')));
    for (const id of [ids.chat, ids.call, ids.screen, ...others]) await earshot.settled(id, 'reachable');
    ids.asked = await ask('where is the ornithopter', ADA);
    others.push(await ask('where is the walrus', 'bob'));
    await plantTraces(earshot, ids.asked, ids.call);
    for (const id of [ids.call, others[1]]) {
      expect((await earshot.request('GET', `/v1/interactions/${id}/media`)).status).toBe(200);
    }
    files = await exported(ADA);
  });

  it('has who saw what, what was decided, what redacted copies hide, and which answers showed too much', () => {
    const views = linesOf(files, 'views.jsonl');
    expect(views.filter(({ what }) => what === 'redacted')).toMatchObject([{ interactionId: ids.call, reason: null }]);
    expect(linesOf(files, 'decisions.jsonl')).toMatchObject([{ interactionId: ids.call, decision: 'release' }]);
    const copies = linesOf(files, 'redacted.jsonl').map(({ interactionId }) => interactionId);
    expect(copies).toContain(ids.call);
    expect(linesOf(files, 'exposures.jsonl')).toMatchObject([
      { retrievalId: ids.asked, passages: [{ position: 1, hidden: { card: 1 }, hiddenBy: 'newer' }] },
    ]);
  });

  const recordOf = (id: string) =>
    linesOf(files, 'interactions.jsonl').find(({ interactionId }) => interactionId === id) as unknown as {
      channel: string;
      state: string;
      author: string | null;
      payload: Record<string, unknown>;
      stamps: Record<string, string | null>;
      rawFile: string | null;
      artifacts: {
        artifactId: string;
        kind: string;
        state: string;
        model: string;
        modelVersion: string;
        confidence: number;
        redactions: Record<string, number>;
        passages: { text: string }[];
      }[];
    };

  it('is a ZIP to be stored under a name that tells nobody, and by no cache', async () => {
    const { headers, body } = await exportOf(ADA);
    await body?.cancel();
    expect(headers.get('content-type')).toBe('application/zip');
    expect(headers.get('content-disposition')).toMatch(/^attachment; filename="export-[0-9a-f]{32}\.zip"$/);
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('has each record as it was captured, with its stamps and its author', () => {
    expect(linesOf(files, 'interactions.jsonl').map(({ interactionId }) => interactionId)).toEqual([
      ids.chat,
      ids.call,
      ids.screen,
    ]);
    const chat = recordOf(ids.chat);
    expect(chat).toMatchObject({ channel: 'chat', state: 'reachable', author: 'agent', rawFile: null });
    expect(chat.payload).toMatchObject({ customerId: ADA, text: `a xylophonist, card ${CARD}` });
    expect(chat.stamps['capturedAt']).toMatch(/^2026-03-01T09:00:00/);
    expect(chat.stamps['reachableAt']).not.toBeNull();
    expect(recordOf(ids.call).payload).toMatchObject({ callId: 'kumquat', agentId: 'Eustachia' });
  });

  it('has what models made of it, redacted', () => {
    const redacted = (id: string) => recordOf(id).artifacts.flatMap(({ passages }) => passages.map(({ text }) => text));
    expect(redacted(ids.chat)).toEqual(['a xylophonist, card [CARD]']);
    expect(redacted(ids.call).join()).toContain('paid with [CARD] has');
    expect(redacted(ids.screen).join()).toContain('Card [CARD]');
    const [transcript] = recordOf(ids.call).artifacts;
    expect(transcript).toMatchObject({ kind: 'transcript', state: 'active', redactions: { card: 1 } });
    expect(transcript?.model).toBeTruthy();
    expect(transcript?.modelVersion).toBeTruthy();
    expect(transcript?.confidence).toBeGreaterThan(0);
  });

  it('has the recording and the picture, byte for byte', () => {
    expect(recordOf(ids.call).rawFile).toBe(`raw/${ids.call}.wav`);
    expect(files.get(`raw/${ids.call}.wav`)?.equals(recording)).toBe(true);
    expect(files.get(`raw/${ids.screen}.png`)?.equals(picture)).toBe(true);
  });

  it('has what models answered before redaction', () => {
    const artifacts = [...recordOf(ids.call).artifacts, ...recordOf(ids.screen).artifacts];
    const answers = artifacts.map(({ artifactId }) => files.get(`recognised/${artifactId}.json`)?.toString() ?? 'none');
    expect(answers).toHaveLength(3);
    for (const answer of answers) expect(JSON.parse(answer)).toHaveProperty('passages');
    expect(answers.filter((answer) => answer.includes(CARD))).toHaveLength(2);
  });

  it('has the searchable passages, each with the index version that holds its vector', () => {
    const chunks = linesOf(files, 'chunks.jsonl') as unknown as { interactionId: string; indexVersions: number[] }[];
    expect(new Set(chunks.map(({ interactionId }) => interactionId))).toEqual(
      new Set([ids.chat, ids.call, ids.screen]),
    );
    for (const chunk of chunks) {
      expect(chunk).toMatchObject({ active: true, indexVersions: [1] });
      expect(chunk).toHaveProperty('place.kind');
      expect(chunk).toHaveProperty('eventTime');
    }
  });

  it('has what was asked about the customer, and what that got back', () => {
    const [question, ...rest] = linesOf(files, 'retrievals.jsonl') as unknown as {
      hits: { chunkId: string }[];
    }[];
    expect(rest).toEqual([]);
    expect(question).toMatchObject({ retrievalId: ids.asked, query: 'where is the ornithopter', mode: 'hybrid' });
    const chunks = linesOf(files, 'chunks.jsonl').map(({ chunkId }) => chunkId as string);
    expect(question?.hits.length).toBeGreaterThan(0);
    for (const { chunkId } of question!.hits) expect(chunks).toContain(chunkId);
  });

  it('has the way from each record to its vectors', () => {
    const edges = linesOf(files, 'lineage.jsonl').map(({ from, to }) => ({ from, to }) as { from: string; to: string });
    for (const { chunkId, artifactId } of linesOf(files, 'chunks.jsonl')) {
      expect(edges).toContainEqual({ from: artifactId, to: chunkId });
      expect(edges.some(({ from }) => from === chunkId)).toBe(true);
    }
    for (const id of [ids.chat, ids.call, ids.screen]) expect(edges.some(({ from }) => from === id)).toBe(true);
  });

  it('ends with a manifest that counts what is there', () => {
    expect([...files.keys()].at(-1)).toBe('manifest.json');
    const manifest = manifestOf(files);
    expect(manifest).toMatchObject({ customerId: ADA, formatVersion: 1, problems: [] });
    expect(Math.abs(Date.now() - Date.parse(manifest.generatedAt))).toBeLessThan(120_000);
    const counts = Object.fromEntries(
      ['interactions', 'chunks', 'retrievals', 'lineage', 'views', 'decisions', 'redacted', 'exposures'].map((kind) => [
        kind,
        linesOf(files, `${kind}.jsonl`).length,
      ]),
    );
    expect(manifest.counts).toEqual({ ...counts, raw: 2, recognised: 3 });
    expect(manifest.files.map(({ file }) => file.split(/[./]/)[0])).toEqual(Object.keys(manifest.counts));
  });

  it('has nothing of another customer, nor of the same key in another tenant', async () => {
    await acceptInTenant(earshot, 'acme', 'the walrus of acme');
    const again = await exported(ADA);
    expect([...again.keys()]).toEqual([...files.keys()]);
    const views = manifestOf(again).counts['views']!;
    expect(manifestOf(again).counts).toEqual({ ...manifestOf(files).counts, views });
    const all = [...again].map(([name, bytes]) => name + bytes.toString('latin1')).join();
    for (const foreign of ['walrus', 'bob', ...others]) expect(all).not.toContain(foreign);
  });
});

describe('an export', () => {
  it('of a customer of whom nothing is held is not found', async () => {
    const response = await exportOf('nobody');
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ type: 'urn:earshot:not_found' });
  });

  it('refuses an id that cannot be one', async () => {
    expect((await exportOf('a\u0007b')).status).toBe(400);
  });

  it('is described as a ZIP by the OpenAPI document', async () => {
    const document = await earshot.request<{ paths: Record<string, object> }>('GET', '/openapi.json');
    const operation = document.body.paths['/v1/customers/{customerId}/export'];
    expect(operation).toHaveProperty(['get', 'responses', '200', 'content', 'application/zip', 'schema']);
  });
});

describe('what cannot be read', () => {
  it('is named by the manifest, and everything else is there', async () => {
    const [missing, corrupt, unread, whole] = await Promise.all(
      ['1', '2', '3', '4'].map(async (red) => show('dora', await png(`#${red.repeat(6)}`))),
    );
    const destroyed = await say('dora', 'sealed under a destroyed key');
    for (const id of [missing!, corrupt!, unread!, whole!, destroyed]) await earshot.settled(id, 'reachable');
    const asked = await ask('a question under a destroyed key', 'dora');
    await rm(await pathOf('raw_object', 'interaction', missing!));
    const path = await pathOf('raw_object', 'interaction', corrupt!);
    await writeFile(path, flipped(await readFile(path)));
    await rm(await pathOf('sealed_object', 'artifact', unread!));
    await loseKey('interaction', 'sealed_payload', 'interaction_id', destroyed);
    await loseKey('retrieval', 'sealed_query', 'retrieval_id', asked);

    const files = await exported('dora');
    const { problems, counts } = manifestOf(files);
    const codes = problems.map(({ interactionId, retrievalId, code }) => [interactionId ?? retrievalId, code]);
    expect(new Set(codes)).toEqual(
      new Set([
        [missing, 'raw_object_missing'],
        [corrupt, 'raw_object_corrupt'],
        [unread, 'raw_object_missing'],
        [destroyed, 'data_key_destroyed'],
        [asked, 'data_key_destroyed'],
      ]),
    );
    expect(problems).toHaveLength(5);
    expect(counts).toMatchObject({ interactions: 5, raw: 2, recognised: 7 });
    expect(files.has(`raw/${missing}.png`)).toBe(false);
    expect(files.has(`raw/${corrupt}.png`)).toBe(false);
    expect(files.has(`raw/${unread}.png`)).toBe(true);
    expect(files.has(`raw/${whole}.png`)).toBe(true);
    const lost = linesOf(files, 'interactions.jsonl').find(({ interactionId }) => interactionId === destroyed);
    expect(lost).toMatchObject({ payload: null, state: 'reachable' });
  });

  it('for want of a store breaks the connection off, and is logged without a name', async () => {
    await say('eve-the-zebra', 'a message before the database fails');
    await earshot.database.query('revoke select on lineage_edge from earshot_reader');
    try {
      await expect(exportOf('eve-the-zebra').then((response) => response.arrayBuffer())).rejects.toThrow();
    } finally {
      await earshot.database.query('grant select on lineage_edge to earshot_reader');
    }
    expect(manifestOf(await exported('eve-the-zebra')).counts).toMatchObject({ interactions: 1 });
    const logs = await until('the failure is logged', async () => {
      const text = await earshot.logs();
      return text.includes('exported_lineage') && text;
    });
    for (const name of ['zebra', 'ada/', 'ada%2F', 'dora', 'xylophonist', CARD]) expect(logs).not.toContain(name);
  });
});

function flipped(bytes: Buffer): Buffer {
  bytes[30]! ^= 1;
  return bytes;
}

async function pathOf(column: string, table: string, interactionId: string): Promise<string> {
  const rows = await earshot.database.query<{ key: string }>(
    `select ${column} as key from ${table} where interaction_id = $1 order by 1 limit 1`,
    [interactionId],
  );
  return `${fileURLToPath(earshot.env['RAW_STORE_URL']!)}/${rows[0]!.key}`;
}

/** Makes a sealed column name a generation of the customer's key that is not there. */
async function loseKey(table: string, column: string, idColumn: string, id: string): Promise<void> {
  await earshot.database.query(
    `update ${table} set ${column} = overlay(${column} placing '\\x00000063'::bytea from 2 for 4) where ${idColumn} = $1`,
    [id],
  );
}

describe('the export of a customer with more than a page of everything', () => {
  const SAID = 120;
  const MADE = 2_600;

  it('has each row once, also where many share a moment', async () => {
    const sentAt = '2026-02-01T09:00:00Z';
    const said = await Promise.all(
      Array.from({ length: SAID }, (_, index) => say('carl', `message ${index}`, { sentAt, messageId: `c${index}` })),
    );
    // Embedding adds edges of its own: the rows must stand still while they are compared.
    await until('all is reachable', async () => {
      const waiting = await earshot.database.query(`select from freshness where state in ('accepted', 'processing')`);
      return waiting.length === 0;
    });
    await insertRows(said[0]!);
    const files = await exported('carl');
    const seen = (name: string, field: string) => linesOf(files, name).map((line) => line[field] as string);
    expect(seen('interactions.jsonl', 'interactionId').sort()).toEqual([...said].sort());
    for (const [name, field, table, column] of [
      ['chunks.jsonl', 'chunkId', 'chunk', 'chunk_id'],
      ['retrievals.jsonl', 'retrievalId', 'retrieval', 'retrieval_id'],
      ['lineage.jsonl', 'to', 'lineage_edge', 'to_id'],
    ] as const) {
      const rows = await earshot.database.query<{ id: string }>(
        `select ${column} as id from ${table}
         where customer_key = (select customer_key from interaction where interaction_id = $1)`,
        [said[0]],
      );
      expect(rows.length).toBeGreaterThanOrEqual(MADE);
      expect(seen(name, field).sort()).toEqual(rows.map(({ id }) => id).sort());
    }
    expect(manifestOf(files).counts).toMatchObject({ interactions: SAID, chunks: MADE + SAID, retrievals: MADE });
  });

  /** Rows microseconds apart, several at each moment, on either side of every page's end. */
  async function insertRows(interactionId: string): Promise<void> {
    const moment = `'2026-02-01T09:00:00Z'::timestamptz + (n / 7) * interval '1 microsecond'`;
    await earshot.database.query(
      `insert into chunk (tenant, chunk_id, artifact_id, interaction_id, session_id, customer_key, modality, ordinal,
         text, place, confidence, event_time, chunker_version)
       select tenant, gen_random_uuid(), artifact_id, interaction_id, session_id, customer_key, modality, n,
         'passage ' || n, place, 1, ${moment}, 'test'
       from chunk cross join generate_series(1, ${MADE}) n where interaction_id = $1 and ordinal = 0`,
      [interactionId],
    );
    await earshot.database.query(
      `insert into lineage_edge (tenant, from_id, to_id, from_kind, to_kind, interaction_id, customer_key, activity,
         code_version)
       select tenant, interaction_id, chunk_id, 'artifact', 'chunk', interaction_id, customer_key, 'chunk', 'test'
       from chunk where interaction_id = $1 and ordinal > 0`,
      [interactionId],
    );
    await earshot.database.query(
      `insert into retrieval (tenant, retrieval_id, customer_key, mode, filters, took_ms, asked_at)
       select tenant, gen_random_uuid(), customer_key, 'text', '{}', 1, ${moment}
       from interaction cross join generate_series(1, ${MADE}) n where interaction_id = $1`,
      [interactionId],
    );
  }
});
