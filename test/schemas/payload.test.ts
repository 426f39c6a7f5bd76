import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { PAYLOAD_VERSION, payloadBytes, readPayload } from '../../src/schemas/payload.ts';
import { readRegistry } from '../../src/schemas/registry.ts';
import { PROJECT } from '../../src/stack/tools.ts';

const folder = join(PROJECT, 'test', 'fixtures', 'payloads');
const ajv = new Ajv2020({ strict: false });

const samples = readdirSync(folder).flatMap((version) =>
  readdirSync(join(folder, version)).map((name) => ({
    version: Number(version.slice(1)),
    name,
    bytes: readFileSync(join(folder, version, name)),
  })),
);

const readJson = (value: unknown) => readPayload(Buffer.from(JSON.stringify(value)));

describe('a payload that was sealed', () => {
  it('has samples of every version and channel', () => {
    for (let version = 1; version <= PAYLOAD_VERSION; version++) {
      const names = samples.filter((sample) => sample.version === version).map(({ name }) => name);
      expect(names.sort()).toEqual(['chat.json', 'recording.json', 'screenshot.json', 'segment.json']);
    }
  });

  it.each(samples)('as version $version, $name, is read with all that it held', ({ version, bytes }) => {
    const { schemaVersion, ...held } = JSON.parse(bytes.toString()) as Record<string, unknown>;
    expect(schemaVersion ?? 1).toBe(version);
    expect(readPayload(bytes)).toEqual(held);
    expect(readPayload(payloadBytes(readPayload(bytes)))).toEqual(held);
  });

  it.each(samples)('as version $version, $name, is valid under the schema that was shipped', ({ version, bytes }) => {
    const shipped = readRegistry().find((each) => each.name === 'captured-payload' && each.version === version);
    expect(ajv.validate(shipped!.schema, JSON.parse(bytes.toString()))).toBe(true);
  });

  it('by a later version of Earshot, or damaged, is refused with the place and without what it held', () => {
    const chat = JSON.parse(samples.find(({ name }) => name === 'chat.json')!.bytes.toString()) as object;
    const refused = (value: unknown, reason: RegExp) => {
      expect(() => readJson(value)).toThrow(expect.objectContaining({ code: 'payload_unreadable' }));
      expect(() => readJson(value)).toThrow(reason);
      expect(() => readJson(value)).not.toThrow(/PAY-4012/);
    };
    refused({ ...chat, schemaVersion: PAYLOAD_VERSION + 1 }, /version/);
    refused({ ...chat, schemaVersion: 'PAY-4012' }, /version/);
    refused({ ...chat, author: 'PAY-4012' }, /author/);
    refused({ ...chat, mood: 'PAY-4012' }, /does not match schema version 1/);
    refused('PAY-4012', /no JSON object/);
    expect(() => readPayload(Buffer.from('{PAY-4012'))).toThrow(/no JSON object/);
  });
});
