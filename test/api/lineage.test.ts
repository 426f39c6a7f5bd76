import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { payloadContext } from '../../src/domain/payload.ts';
import { seal, unwrapDataKey } from '../../src/raw-store/envelope.ts';
import { PROJECT } from '../../src/stack/tools.ts';
import { API_KEY, startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { picture } from '../support/pictures.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';
import { unzip } from '../support/zip.ts';

interface Node {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly rawObject: string | null;
  readonly details: Record<string, unknown>;
  readonly links: { record: string; media: string | null } | null;
}
interface Edge {
  readonly from: string;
  readonly to: string;
  readonly activity: string;
  readonly model: string | null;
  readonly modelVersion: string | null;
  readonly codeVersion: string | null;
  readonly workflowId: string | null;
  readonly runId: string | null;
  readonly recorded: boolean;
}
interface Tree {
  readonly nodes: Node[];
  readonly edges: Edge[];
}
interface Impact {
  readonly artifacts: { kind: string; state: string; count: number }[];
  readonly chunks: Record<string, number>;
  readonly vectors: { indexVersion: number; model: string; count: number }[];
  readonly records: number;
  readonly customers: number;
  readonly answers: number;
  readonly firstAt: string | null;
  readonly interactionIds?: string[];
  readonly nextCursor?: string | null;
}

let models: FakeModels;
let earshot: TestEarshot;
let call: string;
let chat: string;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models });
  const metadata = { callId: 'call', customerId: 'ada', startedAt: '2026-03-01T10:00:00Z' };
  call = (await earshot.upload('/v1/calls', 'audio', tone(2), metadata)).body.interactionId;
  chat = (await earshot.message({ customerId: 'ada', text: 'where is my parcel' })).body.interactionId;
  await earshot.settled(call, 'reachable');
  await earshot.settled(chat, 'reachable');
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

const walk = async (path: string) => (await earshot.request<Tree>('GET', `/v1/${path}/lineage`)).body;
const impact = async (query: string) => (await earshot.request<Impact>('GET', `/v1/lineage/impact?${query}`)).body;
const chunkOf = async (interactionId: string) =>
  (
    await earshot.database.query<{ chunk_id: string }>('select chunk_id from chunk where interaction_id = $1', [
      interactionId,
    ])
  )[0]!.chunk_id;

describe('lineage', () => {
  it('walks from a chunk to a recording that can be played, naming model, code, workflow and run of each step', async () => {
    const { nodes, edges } = await walk(`chunks/${await chunkOf(call)}`);
    expect(nodes.map(({ kind }) => kind)).toEqual(['raw', 'artifact', 'chunk', 'embedding']);
    expect(nodes.map(({ state }) => state)).toEqual(['reachable', 'active', 'served', 'live']);
    expect(nodes[0]).toMatchObject({ id: call, details: { mediaType: 'audio/wav', modality: 'audio' } });
    expect(nodes[0]!.rawObject).not.toBeNull();
    expect(nodes[0]!.links).toEqual({ record: `/v1/interactions/${call}`, media: `/v1/interactions/${call}/media` });
    expect(nodes[2]!.details['place']).toMatchObject({ kind: 'time', startMs: 0 });
    expect(edges.map(({ from, to }) => [from, to])).toEqual(
      nodes.slice(1).map(({ id }, index) => [nodes[index]!.id, id]),
    );
    const made = (activity: string, model: string | null) => ({ activity, model, codeVersion: 'dev', recorded: true });
    expect(edges).toMatchObject([
      made('transcribePiece', 'whisper-tiny.en'),
      made('chunk', null),
      made('embed', 'all-MiniLM-L6-v2'),
    ]);
    for (const { workflowId, runId, modelVersion } of edges) {
      expect([workflowId, runId, modelVersion]).toEqual([
        expect.stringMatching(/^call\//),
        expect.anything(),
        expect.anything(),
      ]);
    }
  });

  it('walks from a record to all that was made of it in every version, and how many answers showed it', async () => {
    const { retrievalId } = await earshot.retrieve({
      query: 'parcel replacement',
      customerId: 'ada',
      modalities: ['audio'],
    });
    await until('the answer is recorded', async () => {
      return (await earshot.request('GET', `/v1/retrievals/${retrievalId}`)).status === 200;
    });
    const superseded = randomUUID();
    await earshot.database.query(
      `insert into artifact (tenant, artifact_id, interaction_id, customer_key, kind, state, confidence, model,
         model_version, redactor_version, code_version)
       select tenant, $1, interaction_id, customer_key, kind, 'superseded', 0.5, 'whisper-older', '1', 'r', 'old'
       from artifact where interaction_id = $2`,
      [superseded, call],
    );
    const { nodes, edges } = await walk(`interactions/${call}`);
    expect(
      nodes.filter(({ kind }) => kind === 'artifact').map(({ state, details }) => [state, details['model']]),
    ).toEqual([
      ['active', 'whisper-tiny.en'],
      ['superseded', 'whisper-older'],
    ]);
    expect(nodes.filter(({ kind }) => kind === 'embedding')).toHaveLength(1);
    expect(nodes.find(({ kind }) => kind === 'chunk')!.details['answers']).toBe(1);
    expect(edges.find(({ to }) => to === superseded)).toMatchObject({
      from: call,
      model: 'whisper-older',
      recorded: false,
    });
    expect((await walk(`chunks/${await chunkOf(call)}`)).nodes).toHaveLength(4);
    await earshot.database.query('delete from artifact where artifact_id = $1', [superseded]);
  });

  it('says what a model version touched: the same counts as the tables, and which records', async () => {
    const asr = await impact('model=whisper-tiny.en&list=true');
    expect(asr).toMatchObject({
      artifacts: [{ kind: 'transcript', state: 'active', count: 1 }],
      chunks: { served: 1, withdrawn: 0, staged: 0 },
      vectors: [{ indexVersion: 1, model: 'all-MiniLM-L6-v2', count: 1 }],
      ...{ records: 1, customers: 1, answers: 1, interactionIds: [call], nextCursor: null },
    });
    const embedder = await impact('model=all-MiniLM-L6-v2&list=true');
    expect(embedder).toMatchObject({
      artifacts: [],
      records: 2,
      customers: 1,
      vectors: [{ indexVersion: 1, count: 2 }],
    });
    expect(embedder.interactionIds).toEqual([call, chat].sort());
    const [versions] = await earshot.database.query<{ redactor: string; chunker: string }>(
      `select max(a.redactor_version) as redactor, max(c.chunker_version) as chunker
       from artifact a join chunk c using (artifact_id)`,
    );
    expect((await impact(`redactor=${versions!.redactor}`)).records).toBe(2);
    expect((await impact(`chunker=${versions!.chunker}&codeVersion=dev`)).chunks['served']).toBe(2);
    expect((await impact(`model=whisper-tiny.en&modelVersion=another`)).records).toBe(0);
    expect(await impact('model=all-MiniLM-L6-v2&to=2020-01-01T00:00:00Z')).toMatchObject({ records: 0, firstAt: null });
    const refused = await earshot.request<{ errors: { field: string }[] }>(
      'GET',
      '/v1/lineage/impact?from=2020-01-01T00:00:00Z',
    );
    expect([refused.status, refused.body.errors[0]?.field]).toEqual([400, 'model']);
  });

  it('is told of nothing that an erasure has fenced off', async () => {
    const customer = 'select customer_key from interaction where interaction_id = $1';
    const fence = (before: string) =>
      earshot.database.query(`update subject set erased_before = ${before} where customer_key = (${customer})`, [chat]);
    const chunkId = await chunkOf(chat);
    await fence('now()');
    expect((await earshot.request('GET', `/v1/chunks/${chunkId}/lineage`)).status).toBe(404);
    expect((await earshot.request('GET', `/v1/interactions/${chat}/lineage`)).status).toBe(404);
    await fence('null');
    expect((await earshot.request('GET', `/v1/chunks/${chunkId}/lineage`)).status).toBe(200);
  });

  it('is walked as far at depth 1, from a third of the edges; a stream can have a depth of its own', async () => {
    await earshot.request('PUT', '/v1/dials/lineage.depth', { value: 1 });
    await earshot.request('PUT', '/v1/dials/lineage.screenshot_depth', { value: 2 });
    const metadata = { screenshotId: 'traced', customerId: 'bob', capturedAt: new Date().toISOString() };
    const screen = (await earshot.upload('/v1/screenshots', 'image', await picture(), metadata)).body.interactionId;
    await earshot.settled(screen, 'reachable');
    const traced = await walk(`chunks/${await chunkOf(screen)}`);
    expect(traced.edges.map(({ recorded }) => recorded)).toEqual([true, true, true]);
    const { body } = await earshot.message({ customerId: 'bob', text: 'a shallow message' });
    await earshot.settled(body.interactionId, 'reachable');
    const shallow = await walk(`chunks/${await chunkOf(body.interactionId)}`);
    const deep = await walk(`chunks/${await chunkOf(chat)}`);
    expect(deep.edges.map(({ recorded }) => recorded)).toEqual([true, true, true]);
    expect(shallow.edges.map(({ recorded }) => recorded)).toEqual([true, false, false]);
    const told = ({ nodes, edges }: Tree) => ({
      nodes: nodes.map(({ kind, state }) => [kind, state]),
      edges: edges.map(({ activity, model, modelVersion }) => [activity, model, modelVersion]),
    });
    expect(told(shallow)).toEqual(told(deep));
    const [{ edges }] = (await earshot.database.query<{ edges: number }>(
      'select count(*)::integer as edges from lineage_edge where interaction_id = $1',
      [body.interactionId],
    )) as [{ edges: number }];
    expect(edges).toBe(1);
    await earshot.request('PUT', '/v1/dials/lineage.depth', { value: 2 });
    await earshot.request('PUT', '/v1/dials/lineage.screenshot_depth', { value: 0 });
  });
});

describe('a channel', () => {
  it('may send a field that a later version added, not leave out a required one, and not send an unknown one', async () => {
    const path = '/v1/chats/versions/messages';
    const body = {
      messageId: 'v1',
      customerId: 'ada',
      sentAt: new Date().toISOString(),
      author: 'customer',
      text: 'hi',
    };
    expect((await earshot.request('POST', path, body)).status).toBe(202);
    expect((await earshot.request('POST', path, { ...body, messageId: 'v2', sequence: 2 })).status).toBe(202);
    const { author: _author, ...without } = body;
    const missing = await earshot.request<{ errors: { field: string }[] }>('POST', path, without);
    expect([missing.status, missing.body.errors[0]?.field]).toEqual([400, 'author']);
    const unknown = await earshot.request<{ errors: object[] }>('POST', path, { ...body, mood: 'cross' });
    expect([unknown.status, unknown.body.errors]).toEqual([400, [{ field: 'mood', message: 'is not known' }]]);
  });

  it('reads which versions there are, and each of them', async () => {
    const { body } = await earshot.request<{ schemas: { name: string; versions: number[] }[] }>('GET', '/v1/schemas');
    expect(body.schemas).toContainEqual({ name: 'chat-message', versions: [1, 2], newest: 2 });
    const properties = async (version: number) =>
      (await earshot.request<{ properties: object }>('GET', `/v1/schemas/chat-message/${version}`)).body.properties;
    expect(await properties(1)).not.toHaveProperty('sequence');
    expect(await properties(2)).toHaveProperty('sequence');
    expect((await earshot.request('GET', '/v1/schemas/chat-message/99')).status).toBe(404);
    expect((await earshot.request('GET', '/v1/schemas/..%2F..%2Fpackage/1')).status).toBe(404);
  });
});

describe('a record whose payload was sealed in version 1', () => {
  it('is found, walked and exported like the others', async () => {
    const { body } = await earshot.message({
      customerId: 'customer-7',
      conversationId: 'chat-1',
      text: 'PAY-4012 failed',
    });
    await earshot.settled(body.interactionId, 'reachable');
    const sample = readFileSync(join(PROJECT, 'test', 'fixtures', 'payloads', 'v1', 'chat.json'));
    await sealAgain(body.interactionId, sample);
    const { results } = await earshot.retrieve({ query: 'PAY-4012', customerId: 'customer-7' });
    expect(results[0]).toMatchObject({ customerId: 'customer-7', conversationId: 'chat-1' });
    expect((await walk(`chunks/${results[0]!.chunkId}`)).nodes[0]).toMatchObject({ id: body.interactionId });
    const archive = await exported('customer-7');
    expect(JSON.parse(archive.get('interactions.jsonl')!.toString())).toMatchObject({
      payload: JSON.parse(sample.toString()) as object,
    });

    await sealAgain(body.interactionId, Buffer.from('{"schemaVersion":99}'));
    const asked = { query: 'PAY-4012', customerId: 'customer-7' };
    const unread = await earshot.request<{ type: string }>('POST', '/v1/retrieve', asked);
    expect([unread.status, unread.body.type]).toEqual([500, expect.stringContaining('payload_unreadable')]);
    const manifest = JSON.parse((await exported('customer-7')).get('manifest.json')!.toString()) as {
      problems: object[];
    };
    expect(manifest.problems).toMatchObject([{ interactionId: body.interactionId, code: 'payload_unreadable' }]);
  });
});

async function exported(customerId: string): Promise<Map<string, Buffer>> {
  const response = await fetch(`http://127.0.0.1:${earshot.env['PORT']}/v1/customers/${customerId}/export`, {
    headers: { authorization: `Bearer ${API_KEY}` },
  });
  return unzip(new Uint8Array(await response.arrayBuffer()));
}

/** Puts other bytes in the place of a record's payload, under its own key. */
async function sealAgain(interactionId: string, payload: Buffer): Promise<void> {
  const [row] = await earshot.database.query<{ customer_key: string; generation: number; wrapped: Buffer }>(
    `select k.customer_key, k.generation, k.wrapped
     from interaction i join data_key k on k.customer_key = i.customer_key and k.generation = i.key_generation
     where i.interaction_id = $1`,
    [interactionId],
  );
  const { customer_key: customerKey, generation, wrapped } = row!;
  const master = Buffer.from(earshot.env['EARSHOT_MASTER_KEY']!, 'hex');
  const key = unwrapDataKey(master, wrapped, { tenant: 'default', customerKey, generation });
  const sealed = seal(key, payload, payloadContext('default', interactionId));
  await earshot.database.query('update interaction set sealed_payload = $2 where interaction_id = $1', [
    interactionId,
    sealed,
  ]);
}
