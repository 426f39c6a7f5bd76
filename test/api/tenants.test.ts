import { request, type ClientRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROUTES } from '../../src/api/routes/index.ts';
import { API_KEY, startEarshot, type Answer, type TestEarshot } from '../support/earshot.ts';
import { AT_ONCE } from '../support/erasures.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { picture } from '../support/pictures.ts';
import { tone } from '../support/sound.ts';
import { tenantClient, type TenantClient } from '../support/tenant-client.ts';
import { until } from '../support/until.ts';

const ALL = 'channel+copilot+operator+auditor';
const ACME_KEY = 'a-key-of-acme-000001';
const BETA_KEY = 'a-key-of-beta-000001';

/** What nobody but beta may read. */
const SECRET = 'banjo';
/** Texts of beta's ann that have the word: a message, a call, and of a screenshot the text and the caption. */
const TEXTS = 4;

let models: FakeModels;
let earshot: TestEarshot;
let deployment: TenantClient;
let acme: TenantClient;
let beta: TenantClient;
let ids: BetaIds;

/** Everything of beta that a route may be asked for. */
interface BetaIds {
  readonly interactions: readonly string[];
  readonly interactionId: string;
  readonly chunkId: string;
  readonly artifactId: string;
  readonly retrievalId: string;
  readonly erasureId: string;
  readonly replayId: string;
  readonly reconciliationId: string;
  readonly reevaluationId: string;
}

beforeAll(async () => {
  models = await startFakeModels();
  models.transcript = `The ${SECRET} of the caller is out of tune.`;
  models.caption = `A picture of a ${SECRET}.`;
  models.screenLines = [`Order of one ${SECRET}`, 'was not delivered'];
  const keys = [`${API_KEY}:${ALL}`, `${ACME_KEY}:${ALL}@acme`, `${BETA_KEY}:${ALL}@beta`];
  earshot = await startEarshot({
    models,
    dials: { ...AT_ONCE, 'erasure.grace_ms': 3_600_000 },
    env: { EARSHOT_API_KEYS: keys.join(',') },
  });
  deployment = tenantClient(earshot, API_KEY);
  acme = tenantClient(earshot, ACME_KEY);
  beta = tenantClient(earshot, BETA_KEY);
  ids = await fillBeta();
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

async function fillBeta(): Promise<BetaIds> {
  const at = new Date().toISOString();
  const accepted = [
    await beta.message('ann', 'm-1', `My ${SECRET} arrived without its strings.`),
    await beta.upload('/v1/calls', 'audio', tone(3), { callId: 'call-1', customerId: 'ann', startedAt: at }),
    await beta.upload('/v1/screenshots', 'image', await picture(), {
      ...{ screenshotId: 'screen-1', customerId: 'ann', capturedAt: at },
    }),
  ];
  const interactions = accepted.map(({ body }) => body.interactionId);
  const records = [];
  for (const id of interactions) records.push(await beta.reachable(id));
  const answer = await beta.retrieve({ query: `the ${SECRET}`, customerId: 'ann' });
  const made = async (path: string, body: object) =>
    (await beta.request<Record<string, string>>('POST', path, body)).body;
  const { replayId } = await made('/v1/replays', {});
  const { reconciliationId } = await made('/v1/reconciliations', {});
  const { reevaluationId } = await made('/v1/quarantine/reevaluate', {});
  await beta.message('leaving', 'm-2', `I give my ${SECRET} back.`);
  const { erasureId } = await made('/v1/erasures', { customerId: 'leaving', reason: 'asked to go' });
  await beta.request('PUT', '/v1/customers/ann/hold', { reason: `the case of the ${SECRET}` });
  const [artifact] = records[1]!.artifacts as unknown as { artifactId: string }[];
  await finished(`/v1/replays/${replayId}`, ({ finishedAt }) => finishedAt !== null);
  await finished(`/v1/reconciliations/${reconciliationId}`, ({ endedAt }) => endedAt !== null);
  return {
    ...({ interactions, replayId, reconciliationId, reevaluationId, erasureId } as unknown as BetaIds),
    interactionId: interactions[1]!,
    chunkId: answer.results[0]!.chunkId,
    artifactId: artifact!.artifactId,
    retrievalId: answer.retrievalId,
  };
}

const finished = (path: string, isDone: (body: Record<string, unknown>) => boolean) =>
  until(`${path} is done`, async () => isDone((await beta.request('GET', path)).body));

/** Beta's own view of all that it has. */
async function betaAsSeen(): Promise<unknown[]> {
  const paths = [
    ...ids.interactions.map((id) => `/v1/interactions/${id}`),
    `/v1/chunks/${ids.chunkId}/lineage`,
    '/v1/chats/chat-of-ann/transcript',
    '/v1/calls/call-1/transcript',
    `/v1/interactions/${ids.interactionId}/lineage`,
    `/v1/retrievals/${ids.retrievalId}`,
    `/v1/replays/${ids.replayId}`,
    `/v1/reconciliations/${ids.reconciliationId}`,
    '/v1/customers/ann/records',
    '/v1/erasures',
    '/v1/holds',
    '/v1/quarantine',
    '/v1/failures',
  ];
  const answers: Answer[] = [];
  for (const path of paths) answers.push(await beta.request('GET', path));
  expect(answers.map(({ status }) => status)).toEqual(paths.map(() => 200));
  return answers.map(({ body }) => body);
}

/** Whether an answer tells of beta anything that was not in the question. */
function tellsOfBeta({ body }: { body: unknown }, asked: string): boolean {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const known = [SECRET, 'beta', ...(Object.values(ids) as (string | string[])[]).flat()];
  return known.some((word) => text.includes(word) && !asked.includes(word));
}

/** Every route of a tenant that takes an id, asked by acme for what is beta's. */
const NAMING_BETA: Readonly<Record<string, (ids: BetaIds) => { readonly path: string; readonly body?: object }>> = {
  'get /v1/retrievals/{retrievalId}': (of) => ({ path: `/v1/retrievals/${of.retrievalId}` }),
  'get /v1/interactions/{interactionId}': (of) => ({ path: `/v1/interactions/${of.interactionId}` }),
  'get /v1/chunks/{chunkId}/lineage': (of) => ({ path: `/v1/chunks/${of.chunkId}/lineage` }),
  'get /v1/erasures/{erasureId}': (of) => ({ path: `/v1/erasures/${of.erasureId}` }),
  'post /v1/erasures/{erasureId}/cancel': (of) => ({ path: `/v1/erasures/${of.erasureId}/cancel` }),
  'post /v1/erasures/{erasureId}/verify': (of) => ({ path: `/v1/erasures/${of.erasureId}/verify` }),
  'delete /v1/customers/{customerId}/hold': () => ({ path: '/v1/customers/ann/hold' }),
  'get /v1/customers/{customerId}/export': () => ({ path: '/v1/customers/ann/export' }),
  'get /v1/interactions/{interactionId}/lineage': (of) => ({ path: `/v1/interactions/${of.interactionId}/lineage` }),
  'get /v1/replays/{replayId}': (of) => ({ path: `/v1/replays/${of.replayId}` }),
  'get /v1/replays/{replayId}/progress': (of) => ({ path: `/v1/replays/${of.replayId}/progress` }),
  'post /v1/replays/{replayId}/pause': (of) => ({ path: `/v1/replays/${of.replayId}/pause` }),
  'post /v1/replays/{replayId}/resume': (of) => ({ path: `/v1/replays/${of.replayId}/resume` }),
  'post /v1/replays/{replayId}/cancel': (of) => ({ path: `/v1/replays/${of.replayId}/cancel` }),
  'post /v1/chats/{conversationId}/end': () => ({
    ...{ path: '/v1/chats/chat-of-ann/end', body: {} },
  }),
  'post /v1/calls/{callId}/end': () => ({
    ...{ path: '/v1/calls/call-1/end', body: { endedAt: new Date().toISOString(), segments: 1 } },
  }),
  'get /v1/chats/{conversationId}/transcript': () => ({ path: '/v1/chats/chat-of-ann/transcript' }),
  'get /v1/calls/{callId}/transcript': () => ({ path: '/v1/calls/call-1/transcript' }),
  'get /v1/quarantine/{artifactId}/content': (of) => ({ path: `/v1/quarantine/${of.artifactId}/content` }),
  'post /v1/quarantine/{artifactId}/release': (of) => ({ path: `/v1/quarantine/${of.artifactId}/release` }),
  'post /v1/quarantine/{artifactId}/discard': (of) => ({ path: `/v1/quarantine/${of.artifactId}/discard` }),
  'get /v1/quarantine/reevaluations/{reevaluationId}': (of) => ({
    path: `/v1/quarantine/reevaluations/${of.reevaluationId}`,
  }),
  'get /v1/interactions/{interactionId}/media': (of) => ({ path: `/v1/interactions/${of.interactionId}/media` }),
  'post /v1/interactions/{interactionId}/original-media': (of) => ({
    ...{ path: `/v1/interactions/${of.interactionId}/original-media`, body: { reason: 'curious' } },
  }),
  'post /v1/interactions/{interactionId}/original-text': (of) => ({
    ...{ path: `/v1/interactions/${of.interactionId}/original-text`, body: { reason: 'curious' } },
  }),
  'post /v1/failures/{interactionId}/resolve': (of) => ({ path: `/v1/failures/${of.interactionId}/resolve` }),
  'get /v1/reconciliations/{reconciliationId}': (of) => ({ path: `/v1/reconciliations/${of.reconciliationId}` }),
};

/** Answer with nothing where another tenant's id was given, or make what is the caller's own: looked at below. */
const ANSWERED = [
  'post /v1/chats/{conversationId}/messages',
  'post /v1/calls/{callId}/segments',
  'put /v1/customers/{customerId}/hold',
  'get /v1/customers/{customerId}/records',
  'get /v1/interactions/{interactionId}/views',
];
/** Name what is no tenant's. */
const OF_NOBODY = ['get /v1/schemas/{name}/{version}'];

/** Announces an upload of acme's, and sends nothing of it. The server says "continue" before it waits for the bytes. */
async function announceUpload(bytes: number): Promise<ClientRequest> {
  const announced = request(`http://127.0.0.1:${earshot.env['PORT']}/v1/calls`, {
    method: 'POST',
    headers: {
      ...{ authorization: `Bearer ${ACME_KEY}`, 'content-type': 'multipart/form-data; boundary=x' },
      ...{ 'content-length': bytes, expect: '100-continue' },
    },
  });
  announced.on('error', () => undefined);
  await new Promise((resolve) => announced.once('continue', resolve).flushHeaders());
  return announced;
}

/** Change or tell what all tenants share. */
const OF_ALL = [
  'put /v1/dials/{name}',
  'post /v1/reindex',
  'get /v1/index-versions',
  'get /v1/index-versions/{version}',
  'get /v1/index-versions/{version}/progress',
  ...['activate', 'pause', 'resume', 'cancel', 'rebuild'].map((verb) => `post /v1/index-versions/{version}/${verb}`),
  'post /v1/sources/{name}/pause',
  'post /v1/sources/{name}/resume',
  'get /v1/tenants',
  'put /v1/tenants/{tenant}/quotas/{name}',
  'delete /v1/tenants/{tenant}/quotas/{name}',
];

describe('a tenant', () => {
  it('is asked about by every route that takes an id, so that none is left out below', () => {
    const taking = ROUTES.filter(({ path, deployment: ofAll }) => path.includes('{') && ofAll !== true);
    const known = [...Object.keys(NAMING_BETA), ...ANSWERED, ...OF_NOBODY];
    expect(taking.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(known.sort());
  });

  it('gets a 404 for every id of another one, and changes nothing of it', async () => {
    const before = await betaAsSeen();
    for (const [name, asking] of Object.entries(NAMING_BETA)) {
      const { path, body } = asking(ids);
      const answer = await acme.request(name.split(' ')[0]!.toUpperCase(), path, body);
      expect([name, answer.status, tellsOfBeta(answer, path)]).toEqual([name, 404, false]);
    }
    expect(await betaAsSeen()).toEqual(before);
  });

  it('finds nothing of another one by any list, question or batch', async () => {
    const [id, batch] = [ids.interactionId, { interactionIds: [...ids.interactions] }];
    const asked: readonly (readonly [string, string, object?])[] = [
      ['GET', '/v1/customers/ann/records'],
      ['GET', `/v1/interactions/${id}/views`],
      ['GET', `/v1/exposures?interactionId=${id}`],
      ['GET', '/v1/exposures?customerId=ann'],
      ['GET', '/v1/lineage/impact?list=true&codeVersion=dev'],
      ['POST', '/v1/retrieve', { query: `the ${SECRET}` }],
      ['POST', '/v1/retrieve', { query: `the ${SECRET}`, mode: 'text' }],
      ['POST', '/v1/retrieve', { query: `the ${SECRET}`, mode: 'vector', customerId: 'ann' }],
      ['POST', '/v1/retrieve/batch', { questions: [{ query: `the ${SECRET}` }, { query: SECRET, customerId: 'ann' }] }],
      ['POST', '/v1/explain', { customerId: 'ann', interactionId: id, query: `the ${SECRET}` }],
      ['POST', '/v1/explain', { customerId: 'ann', retrievalId: ids.retrievalId, interactionId: id }],
      ['POST', '/v1/interactions/batch', batch],
      ['POST', '/v1/failures/resolve', {}],
      ...ROUTES.filter(({ method, path, deployment: ofAll, query }) => {
        const needsFrom = query !== undefined && !query.safeParse({}).success;
        return (
          method === 'get' &&
          !path.includes('{') &&
          ofAll !== true &&
          !needsFrom &&
          path !== '/v1/lineage/impact' &&
          path !== '/v1/exposures'
        );
      }).map(({ path }) => ['GET', path] as const),
    ];
    for (const [method, path, body] of asked) {
      const answer = await acme.request(method, path, body);
      expect([path, [200, 202, 404].includes(answer.status)]).toEqual([path, true]);
      expect([path, tellsOfBeta(answer, path + JSON.stringify(body))]).toEqual([path, false]);
    }
    const { interactions } = (await acme.request<{ interactions: unknown[] }>('POST', '/v1/interactions/batch', batch))
      .body;
    expect(interactions).toEqual([null, null, null]);
    expect((await acme.retrieve({ query: `the ${SECRET}` })).results).toEqual([]);
    // So the questions were such as have an answer.
    const found = await beta.retrieve({ query: `the ${SECRET}` });
    expect(found.results).not.toEqual([]);
    // It is recorded after it is given.
    await until('the answer is recorded', async () => {
      const { status } = await beta.request('GET', `/v1/retrievals/${found.retrievalId}`);
      return status === 200;
    });
  });

  it('has customers of its own under the names of another’s, and erases its own alone', async () => {
    const before = await betaAsSeen();
    const own = await acme.message('ann', 'm-1', 'My trumpet squeaks.');
    await acme.reachable(own.body.interactionId);
    expect(ids.interactions).not.toContain(own.body.interactionId);
    await acme.request('PUT', '/v1/customers/ann/hold', { reason: 'another case' });
    expect((await acme.request('DELETE', '/v1/customers/ann/hold')).status).toBe(200);
    expect((await acme.retrieve({ query: 'what squeaks', customerId: 'ann' })).results).toMatchObject([
      { text: 'My trumpet squeaks.' },
    ]);
    await deployment.request('PUT', '/v1/dials/erasure.grace_ms', { value: 0 });
    const { body } = await acme.request<{ erasureId: string }>('POST', '/v1/erasures', {
      ...{ customerId: 'ann', reason: 'asked to go' },
    });
    await until('acme’s ann is erased', async () => {
      const { state } = (await acme.request('GET', `/v1/erasures/${body.erasureId}`)).body;
      return state === 'completed';
    });
    expect((await acme.retrieve({ query: 'what squeaks', customerId: 'ann' })).results).toEqual([]);
    expect(await betaAsSeen()).toEqual(before);
    const found = await beta.retrieve({ query: `the ${SECRET}`, customerId: 'ann' });
    expect(found.results).toHaveLength(TEXTS);
    const media = await beta.request('GET', `/v1/interactions/${ids.interactionId}/media`);
    expect(media.status).toBe(200);
  });

  it('is refused what concerns all tenants, for which the deployment’s own key is needed', async () => {
    const routes = ROUTES.filter((spec) => spec.deployment === true);
    expect(routes.map(({ method, path }) => `${method} ${path}`).sort()).toEqual([...OF_ALL].sort());
    const paths = routes.map(({ method, path }) => [method.toUpperCase(), path.replace(/\{\w+\}/g, '1')] as const);
    for (const [method, path] of [...paths, ['GET', '/metrics'] as const]) {
      const { status, body } = await acme.request(method, path);
      expect([path, status, body['type']]).toEqual([path, 403, 'urn:earshot:forbidden']);
      expect(body['detail']).toContain('concerns all tenants');
      expect([path, (await deployment.request(method, path)).status === 403]).toEqual([path, false]);
    }
  });

  it('leaves room to the uploads of others, however many and slow its own are', async () => {
    await deployment.request('PUT', '/v1/dials/intake.uploads_in_flight_max_bytes', { value: 1_048_576 });
    const slow = await announceUpload(700_000);
    const upload = (client: TenantClient, callId: string) =>
      client.upload('/v1/calls', 'audio', tone(10), {
        ...{ callId, customerId: 'bob', startedAt: new Date().toISOString() },
      });
    expect((await upload(acme, 'more')).status).toBe(429);
    expect((await upload(beta, 'call-2')).status).toBe(202);
    slow.destroy();
    await until('there is room again', async () => (await upload(acme, 'more')).status === 202);
  });

  it('learns of shared machinery only how it is, not who fills it', async () => {
    await deployment.request('PUT', '/v1/dials/backlog.sample_interval_ms', { value: 250 });
    const queuesOf = async (client: TenantClient) =>
      (await client.request<{ queues: unknown[] }>('GET', '/v1/backlog')).body.queues;
    await until('the deployment sees its queues', async () => (await queuesOf(deployment)).length > 0);
    expect(await queuesOf(acme)).toEqual([]);
    const metrics = await deployment.request<string>('GET', '/metrics');
    expect(metrics.body).toMatch(/earshot_\w+\{[^}]*tenant="beta"/);
  });

  it('has its say in what the deployment gives up: a new index version names what it will not have of whom', async () => {
    models.fail('transcriptions', { kind: 'status', status: 400 });
    const { body } = await beta.upload('/v1/calls', 'audio', tone(4), {
      ...{ callId: 'call-3', customerId: 'ann', startedAt: new Date().toISOString() },
    });
    await until('it has failed for good', async () => {
      return (await beta.request('GET', `/v1/interactions/${body.interactionId}`)).body['state'] === 'failed';
    });
    const asked = { embeddingModel: earshot.env['EMBEDDING_MODEL'], dimensions: 384 };
    expect((await deployment.request('POST', '/v1/reindex', asked)).body).toMatchObject({
      type: 'urn:earshot:not_acknowledged',
      details: { notCarried: 1, records: [{ tenant: 'beta', interactionId: body.interactionId }] },
    });
  });
});
