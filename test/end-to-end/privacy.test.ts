import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { exportHistory } from '../support/history.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';

/** Unusual words and values of one customer, in every place where a channel can put them. */
const SECRETS = ['quokka-4711', 'xylophonist', '4539148803436467', 'zanzibar', 'ornithopter', 'Eustachia', 'kumquat'];

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models, env: { LOG_LEVEL: 'trace' } });
  models.transcript = 'the ornithopter of my card 4539148803436467 broke';
  models.fail('embeddings', { kind: 'status', status: 500 }, { kind: 'body', body: '{"data":"xylophonist"}' });
  const customerId = 'quokka-4711';
  const chat = await earshot.message({
    customerId,
    conversationId: 'zanzibar',
    text: 'a xylophonist, card 4539148803436467',
  });
  const metadata = {
    callId: 'kumquat',
    customerId,
    startedAt: new Date(Date.now() - 60_000).toISOString(),
    agentId: 'Eustachia',
  };
  const call = await earshot.upload('/v1/calls', 'audio', tone(2), metadata);
  await earshot.settled(chat.body.interactionId, 'reachable');
  await earshot.settled(call.body.interactionId, 'reachable');
  await earshot.message({ customerId, messageId: 'xylophonist', text: '' });
  await earshot.retrieve({ query: 'the xylophonist of zanzibar', customerId });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

function expectNone(what: string, text: string, secrets: readonly string[] = SECRETS): void {
  const found = secrets.filter((secret) => text.toLowerCase().includes(secret.toLowerCase()));
  expect(found, `${what} holds what a customer said or is called`).toEqual([]);
}

describe('what a customer said and is called', () => {
  it('is in no workflow history, id or search attribute', async () => {
    await until('both runs are visible', async () => (await Array.fromAsync(earshot.temporal.list())).length >= 2);
    for await (const { workflowId, runId, searchAttributes } of earshot.temporal.list()) {
      const history = await exportHistory(earshot, workflowId, runId);
      const decoded = history.replace(/"data":\s*"([^"]+)"/g, (_, data: string) =>
        Buffer.from(data, 'base64').toString(),
      );
      expectNone('a workflow', workflowId + JSON.stringify(searchAttributes) + history + decoded);
      expect(searchAttributes['customerKey']?.[0]).toMatch(/^[0-9a-f]{32}$/);
      expect(searchAttributes['channel']?.[0]).toMatch(/^(chat|call)$/);
    }
  });

  it('is in no log, metric or error message', async () => {
    const metrics = await earshot.request<{ text: string }>('GET', '/metrics');
    expectNone('the metrics', metrics.body.text);
    expectNone('the log', await earshot.logs());
    const server = join(import.meta.dirname, '../../.cache/test-stack/logs');
    for (const name of await readdir(server)) expectNone(name, await readFile(join(server, name), 'utf8'));
  });

  it('is in no raw object', async () => {
    const folder = new URL(earshot.env['RAW_STORE_URL']!).pathname;
    const grep = promisify(execFile)('grep', ['-rilaE', SECRETS.join('|'), folder]).catch(() => ({ stdout: '' }));
    expect((await grep).stdout).toBe('');
    expectNone('an object key', (await readdir(dirname(folder), { recursive: true })).join('\n'));
  });

  it('is in the database as redacted words of searchable text alone: no id, name or number', async () => {
    const tables = await earshot.database.query<{ name: string }>(
      `select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`,
    );
    const named = SECRETS.filter((secret) => !['xylophonist', 'ornithopter'].includes(secret));
    for (const { name } of tables) {
      const rows = await earshot.database.query(`select t::text as row from ${name} t`);
      expectNone(`the table ${name}`, JSON.stringify(rows), named);
    }
  });
});
