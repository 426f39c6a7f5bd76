import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { activitiesFor } from '../../activities/index.ts';
import { TASK_QUEUES } from '../../src/domain/task-queues.ts';
import { ROLLUP_WORKFLOW, SUPERSEDED_WORKFLOW } from '../../src/domain/workflows.ts';
import { DATASET_FIELDS, datasetNames } from '../../src/lineage/datasets.ts';
import { FACET_SCHEMAS } from '../../src/lineage/facets.ts';
import { STEPS } from '../../src/lineage/jobs.ts';
import { readRegistry } from '../../src/schemas/registry.ts';
import { PROJECT } from '../../src/stack/tools.ts';
import { doubtfulSpeech } from '../support/doubtful.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { AT_ONCE, completed, requestErasure } from '../support/erasures.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { picture } from '../support/pictures.ts';
import { buildVersion, tell } from '../support/reindexes.ts';
import { replay } from '../support/replays.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';

type Facets = Record<string, Record<string, unknown> & { _schemaURL: string }>;
interface Dataset {
  readonly namespace: string;
  readonly name: string;
  readonly facets: Facets;
  readonly inputFacets?: Facets;
  readonly outputFacets?: Facets;
}
interface Event {
  readonly eventType: string;
  readonly run: { runId: string; facets: Facets };
  readonly job: { namespace: string; name: string; facets: Facets };
  readonly inputs?: Dataset[];
  readonly outputs?: Dataset[];
}

const folder = join(PROJECT, 'test', 'fixtures', 'openlineage');
const readSchema = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as { $id: string };

const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);
const core = readSchema(join(folder, 'OpenLineage.json'));
ajv.addSchema(core);
for (const name of readdirSync(join(folder, 'facets'))) ajv.addSchema(readSchema(join(folder, 'facets', name)));
for (const { name, version, schema } of readRegistry()) ajv.addSchema(schema, `urn:earshot:schema:${name}:${version}`);

/** Against the schema of a run event, and each facet against the one that it names. */
function expectValid(event: Event): void {
  expect([ajv.validate(`${core.$id}#/$defs/RunEvent`, event), ajv.errors]).toEqual([true, null]);
  const facets = [event.run.facets, event.job.facets];
  for (const { facets: own, inputFacets, outputFacets } of [...(event.inputs ?? []), ...(event.outputs ?? [])]) {
    facets.push(own, inputFacets ?? {}, outputFacets ?? {});
  }
  for (const [name, facet] of facets.flatMap((each) => Object.entries(each))) {
    expect(facet._schemaURL).toBe(FACET_SCHEMAS[name as keyof typeof FACET_SCHEMAS]);
    expect([name, ajv.validate(facet._schemaURL, facet), ajv.errors]).toEqual([name, true, null]);
  }
}

const PLANTED = ['planted-customer', 'planted-chat', 'planted words'];

const DIALS = {
  ...AT_ONCE,
  'lineage.flush_interval_ms': 50,
  'reconcile.settled_for_ms': 0,
  'replay.keep_superseded_days': 0,
  'reindex.min_overlap': 0,
};

let models: FakeModels;
let earshot: TestEarshot;

/** Stands for Marquez: takes what is posted, or refuses it. */
const collector = { status: 201, events: [] as Event[], tried: 0, keys: new Set<string | undefined>() };
const server = createServer((request, response) => {
  void text(request).then((body) => {
    collector.tried += 1;
    collector.keys.add(request.headers.authorization);
    if (request.url !== '/base/api/v1/lineage') response.statusCode = 404;
    else response.statusCode = collector.status;
    if (response.statusCode === 201) collector.events.push(JSON.parse(body) as Event);
    response.end();
  });
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  models = await startFakeModels();
  const { port } = server.address() as AddressInfo;
  const env = { OPENLINEAGE_URL: `http://127.0.0.1:${port}/base/`, OPENLINEAGE_API_KEY: 'collector-key' };
  earshot = await startEarshot({ models, env, dials: DIALS });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
  server.close();
});

/** Steps that every record takes, and those of its erasure. */
const ON_THE_WAY = ['accept', 'transcribePiece', 'readScreenText', 'captionScreen', 'redactSound', 'redactPicture'];
ON_THE_WAY.push('indexArtifacts', 'indexMessagesAtOnce', 'deleteRows', 'deleteObjects');

const ended = (name: string, eventType: string) =>
  until(`${name} ${eventType} is told`, () =>
    collector.events.find((event) => event.job.name === name && event.eventType === eventType),
  );
const table = (name: string) => `${new URL(earshot.database.url).pathname.slice(1)}.public.${name}`;

describe('OpenLineage events', () => {
  it('are decided on for every activity: what is not in the table is neither told of nor called unimportant', () => {
    const dependencies = { database: {} } as Parameters<typeof activitiesFor>[1];
    const activities = TASK_QUEUES.flatMap((queue) => Object.keys(activitiesFor(queue, dependencies)));
    expect(Object.keys(STEPS).sort()).toEqual([...new Set(activities)].sort());
  });

  it('are valid and come for every step on the way of a record, from its intake to its erasure: START, then COMPLETE', async () => {
    const customerId = 'planted-customer';
    const metadata = { callId: 'call', customerId, startedAt: '2026-03-01T10:00:00Z' };
    const screenshot = { screenshotId: 'screen', customerId, capturedAt: '2026-03-01T10:00:00Z' };
    const ids = [
      await earshot.message({ customerId, conversationId: 'planted-chat', text: 'planted words' }),
      await earshot.upload('/v1/calls', 'audio', tone(2), metadata),
      await earshot.upload('/v1/screenshots', 'image', await picture(), screenshot),
    ].map(({ body }) => body.interactionId);
    for (const id of ids) await earshot.settled(id, 'reachable');
    await Promise.all([ended('redactSound', 'COMPLETE'), ended('redactPicture', 'COMPLETE')]);
    await completed(earshot, (await requestErasure(earshot, customerId)).body.erasureId);

    for (const name of ON_THE_WAY) {
      const { run } = await ended(name, 'COMPLETE');
      const types = collector.events.filter((event) => event.run.runId === run.runId).map((event) => event.eventType);
      expect([name, types]).toEqual([name, ['START', 'COMPLETE']]);
    }
    collector.events.forEach(expectValid);
    const own = collector.events.filter(({ job }) => ON_THE_WAY.includes(job.name));
    expect(new Set(own.map(({ job }) => job.namespace))).toEqual(new Set(['earshot/default']));
    expect([...collector.keys]).toEqual(['Bearer collector-key']);
    const sent = JSON.stringify(collector.events);
    const customers = await earshot.database.query<{ customer_key: string }>('select customer_key from subject');
    for (const trace of [
      ...PLANTED,
      ...ids,
      ...customers.map(({ customer_key }) => customer_key),
      'postgres:postgres@',
    ]) {
      expect(sent).not.toContain(trace);
    }
  });

  it('tell of datasets, columns, quality, versions and the workflow’s run', async () => {
    const { run, inputs, outputs } = await ended('transcribePiece', 'COMPLETE');
    expect(run.facets['parent']).toMatchObject({ job: { namespace: 'earshot/default', name: 'call' } });
    expect(run.facets['earshot_versions']!['versions']).toMatchObject({
      code: 'dev',
      transcript: expect.stringMatching(/^whisper-tiny\.en@/) as string,
      redactor: expect.anything() as string,
      chunker: expect.anything() as string,
    });
    expect(inputs).toMatchObject([
      {
        ...{ namespace: 'file', name: fileURLToPath(earshot.env['RAW_STORE_URL']!) },
        inputFacets: {
          inputStatistics: { fileCount: 1 },
          dataQualityAssertions: { assertions: [{ assertion: 'recognised_text_is_usable', success: true }] },
        },
      },
    ]);
    const [artifact, chunk] = outputs!;
    expect([artifact!.name, chunk!.name]).toEqual([table('artifact'), table('chunk')]);
    expect(artifact!.facets['dataQualityMetrics']).toMatchObject({
      rowCount: 1,
      columnMetrics: { confidence: { count: 1 } },
    });
    expect(artifact!.facets['columnLineage']).toMatchObject({
      fields: {
        content: { inputFields: [{ namespace: 'file', field: 'bytes', transformations: [{ masking: true }] }] },
      },
    });
    expect(chunk!.facets['columnLineage']).toMatchObject({
      fields: { text: { inputFields: [{ name: table('artifact'), field: 'content' }] } },
    });
    expect(chunk!.outputFacets!['outputStatistics']).toMatchObject({ rowCount: 1 });
    const deleted = (await ended('deleteRows', 'COMPLETE')).outputs!;
    expect(deleted.find(({ name }) => name === table('interaction'))!.facets['earshot_deletion']).toMatchObject({
      rowCount: 3,
    });
  });

  it('say FAIL with the code alone when a step fails, and each attempt is a run of its own', async () => {
    models.fail('transcriptions', { kind: 'status', status: 500 });
    const metadata = { callId: 'fails', customerId: 'bob', startedAt: '2026-03-01T10:00:00Z' };
    const before = collector.events.length;
    const { body } = await earshot.upload('/v1/calls', 'audio', tone(2), metadata);
    await earshot.settled(body.interactionId, 'reachable');
    const failed = await ended('transcribePiece', 'FAIL');
    expectValid(failed);
    expect(failed.run.facets['errorMessage']).toMatchObject({ message: 'model_unavailable' });
    const later = await until('the next attempt is told', () =>
      collector.events
        .slice(before)
        .find(({ job, eventType }) => job.name === 'transcribePiece' && eventType === 'COMPLETE'),
    );
    expect(later.run.runId).not.toBe(failed.run.runId);
    expect(later.run.facets['parent']).toEqual(failed.run.facets['parent']);
  });

  it('wait while the collector is away, delay nothing, and come in order afterwards', async () => {
    collector.status = 503;
    const [before, tried] = [collector.events.length, collector.tried];
    const { body } = await earshot.message({ customerId: 'carl', text: 'during the outage' });
    await earshot.settled(body.interactionId, 'reachable');
    await until('the collector was asked in vain', () => collector.tried > tried);
    const waiting = 'select event_id from lineage_event';
    await until('the events wait', async () => (await earshot.database.query(waiting)).length >= 4);
    // A new process takes over what the old one has left.
    await earshot.application!.stop();
    collector.status = 201;
    await earshot.start();
    await until('all were sent', async () => (await earshot.database.query(waiting)).length === 0);
    const missed = collector.events
      .slice(before)
      .filter(({ job }) => job.name === 'accept' || job.name === 'indexMessagesAtOnce')
      .map(({ job, eventType }) => `${job.name} ${eventType}`);
    expect(missed).toEqual([
      'accept START',
      'accept COMPLETE',
      'indexMessagesAtOnce START',
      'indexMessagesAtOnce COMPLETE',
    ]);
  });

  it('that the collector refuses are counted and do not hold up those after them; of too many the oldest go', async () => {
    const metric = async (outcome: string) => {
      const response = await earshot.request<{ text: string }>('GET', '/metrics');
      return Number(
        new RegExp(`earshot_lineage_events_total{outcome="${outcome}"} (\\d+)`).exec(response.body.text)?.[1] ?? 0,
      );
    };
    collector.status = 422;
    await earshot.message({ customerId: 'dora', text: 'refused' });
    await until('events were refused', async () => (await metric('refused')) >= 4);
    expect(await earshot.database.query('select from lineage_event')).toEqual([]);
    collector.status = 503;
    await earshot.request('PUT', '/v1/dials/lineage.outbox_max_events', { value: 100 });
    await earshot.database.query(
      `insert into lineage_event (tenant, event) select 'default', '{}' from generate_series(1, 150)`,
    );
    await until('the oldest are dropped', async () => (await metric('dropped')) >= 50);
    expect((await earshot.database.query('select from lineage_event')).length).toBeLessThanOrEqual(100);
    await earshot.database.query('delete from lineage_event');
    collector.status = 201;
  });

  it('name fields and types that the tables have', async () => {
    for (const [name, fields] of Object.entries(DATASET_FIELDS)) {
      if (name === 'raw') continue;
      const columns = await earshot.database.query<{ column_name: string; data_type: string }>(
        'select column_name, data_type from information_schema.columns where table_name = $1',
        [name],
      );
      const types = Object.fromEntries(columns.map(({ column_name, data_type }) => [column_name, data_type]));
      expect(types).toMatchObject(fields);
    }
  });

  it('name the store without its user, password or parameters', () => {
    const nameOf = datasetNames('postgresql://u:secret@db.example/earshot?sslmode=require', 's3://bucket/some/prefix');
    expect(nameOf('chunk')).toEqual({ namespace: 'postgres://db.example:5432', name: 'earshot.public.chunk' });
    expect(nameOf('raw')).toEqual({ namespace: 's3://bucket', name: 'some/prefix' });
  });

  it('go into a file, one a line, when the setting names one; without it none are made', async () => {
    const { openTransport } = await import('../../src/lineage/transports.ts');
    const path = join(earshot.folder, 'lineage', 'events.ndjson');
    const send = openTransport(pathToFileURL(path).href, undefined);
    for (const event of collector.events.slice(0, 2)) expect(await send(event)).toBe('sent');
    const lines = (await readFile(path, 'utf8')).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(collector.events.slice(0, 2));
  });

  it('come for what is made anew, repaired, released, embedded for another version, counted and dropped', async () => {
    const customerId = 'planted-customer, again';
    const [before, record] = [collector.events.length, await remembered(customerId, 'planted words')];
    const forget = `delete from artifact where interaction_id = '${record}'`;
    await earshot.database.query(forget);
    expect((await replay(earshot, { customerId })).records).toMatchObject({ repaired: 1 });

    const embedding = `delete from embedding where chunk_id in (select chunk_id from chunk where interaction_id = '${record}')`;
    await earshot.database.query(embedding);
    expect((await earshot.request('POST', '/v1/reconciliations', {})).status).toBe(202);
    await until('it is repaired', async () => (await madeBy('compareSlice', 'embedding')) === 1);

    await lookAtAnew(await releaseDoubtful(customerId));
    await earshot.temporal.execute(ROLLUP_WORKFLOW, { workflowId: 'counts', taskQueue: 'batch', args: [] });
    await earshot.database.query(`update artifact set state = 'superseded', superseded_at = now() - interval '1 day'
      where interaction_id = '${record}'`);
    await earshot.temporal.execute(SUPERSEDED_WORKFLOW, { workflowId: 'drop', taskQueue: 'batch', args: [] });
    const { version } = await buildVersion(earshot);
    expect((await tell(earshot, version, 'activate')).status).toBe(200);
    await ended('switchToVersion', 'COMPLETE');
    await remembered(customerId, 'planted words for both versions');

    expect(await madeBy('remakeRecord', 'artifact', 'chunk', 'embedding')).toBe(3);
    expect(await madeBy('applyDecision', 'artifact', 'chunk')).toBe(2);
    expect(await madeBy('redactMedia', 'redacted_media')).toBe(1);
    expect(await madeBy('writeBeside', 'embedding')).toBe(1);
    expect(await madeBy('fillVersion', 'embedding')).toBeGreaterThan(1);
    expect(await madeBy('rollUp', 'rollup_hour')).toBeGreaterThan(0);
    expect((await ended('dropSuperseded', 'COMPLETE')).outputs).toMatchObject([
      { name: table('artifact'), facets: { earshot_deletion: { rowCount: 1 } } },
    ]);
    const { job, run } = await ended('switchToVersion', 'COMPLETE');
    expect(run.facets['earshot_versions']!['versions']).toMatchObject({ live_index: String(version) });
    // What is done for all tenants is of no one's.
    expect(job.namespace).toBe('earshot');
    await ended('compareObjects', 'COMPLETE');
    const later = collector.events.slice(before);
    later.forEach(expectValid);
    for (const trace of [...PLANTED, record]) expect(JSON.stringify(later)).not.toContain(trace);
  });
});

async function remembered(customerId: string, text: string): Promise<string> {
  const { body } = await earshot.message({ customerId, conversationId: 'planted-chat', text });
  await earshot.settled(body.interactionId, 'reachable');
  return body.interactionId;
}

/** Has a call held back for doubt, and lets it go; its run, which makes a copy or is too early for one, has ended then. */
async function releaseDoubtful(customerId: string): Promise<string> {
  models.fail('transcriptions', doubtfulSpeech());
  const metadata = { callId: 'doubtful', customerId, startedAt: '2026-03-01T10:00:00Z' };
  const { body } = await earshot.upload('/v1/calls', 'audio', tone(3), metadata);
  await earshot.settled(body.interactionId, 'quarantined');
  const [held] = await earshot.database.query<{ artifact_id: string }>(
    `select artifact_id from artifact where state = 'quarantined'`,
  );
  await earshot.request('POST', `/v1/quarantine/${held!.artifact_id}/release`);
  await earshot.settled(body.interactionId, 'reachable');
  await earshot.temporal.getHandle(body.workflowId).result();
  return body.interactionId;
}

/** Has the API make the redacted copy of a call anew, by other margins. */
async function lookAtAnew(interactionId: string): Promise<void> {
  await earshot.request('PUT', '/v1/dials/redaction.sound_margin_ms', { value: 300 });
  expect((await earshot.request('GET', `/v1/interactions/${interactionId}/media`)).status).toBe(200);
}

/** How many rows of these tables the latest run of a step that made any says it made. */
async function madeBy(name: string, ...tables: string[]): Promise<number> {
  return until(`${name} has told of what it made`, () => {
    const counts = collector.events
      .filter(({ job, eventType }) => job.name === name && eventType === 'COMPLETE')
      .map(({ outputs = [] }) =>
        outputs
          .filter((output) => tables.some((each) => output.name === table(each)))
          .reduce((sum, { outputFacets }) => sum + Number(outputFacets?.['outputStatistics']?.['rowCount'] ?? 0), 0),
      );
    return counts.findLast((count) => count > 0);
  });
}
