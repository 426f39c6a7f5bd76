import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { REGISTERED_SCHEMAS } from '../../src/api/registered-schemas.ts';
import {
  readRegistry,
  REGISTRY,
  schemaChanges,
  writeVersion,
  type CurrentSchemas,
} from '../../src/schemas/registry.ts';

const folder = mkdtempSync(join(tmpdir(), 'earshot-registry-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What `npm run schemas` does. */
function ship(current: CurrentSchemas) {
  const changes = schemaChanges(readRegistry(folder), current);
  for (const change of changes) if (change.kind === 'new_version') writeVersion(change, folder);
  return changes;
}

const message = { id: z.string(), author: z.enum(['customer', 'agent']), text: z.string().max(100) };
const stamped = { schemaVersion: z.literal(2) };

describe('the registry', () => {
  it('holds the schemas of the code: run "npm run schemas" after a change', () => {
    expect(schemaChanges(readRegistry(), REGISTERED_SCHEMAS)).toEqual([]);
  });

  it('is frozen once shipped: a version is changed by the next one, and its checksum added to registry.sha256', () => {
    const lines = readRegistry().map(({ name, version }) => {
      const path = `${name}/${version}.json`;
      const checksum = createHash('sha256').update(readFileSync(join(REGISTRY, path)));
      return `${checksum.digest('hex')}  ${path}`;
    });
    const frozen = readFileSync(join(import.meta.dirname, 'registry.sha256'), 'utf8')
      .trim()
      .split('\n');
    expect(lines.sort()).toEqual(frozen.sort());
  });

  it('takes an added optional field, another value and a wider bound as the next version, once', () => {
    expect(ship({ message: z.strictObject(message) })).toMatchObject([{ kind: 'new_version', version: 1 }]);
    const wider = z.strictObject({
      text: z.string().max(200),
      ...{ id: message.id, author: z.enum(['customer', 'agent', 'bot']), sequence: z.int().optional() },
    });
    expect(ship({ message: wider })).toMatchObject([{ kind: 'new_version', version: 2 }]);
    expect(ship({ message: wider })).toEqual([]);
  });

  const base = { ...message, author: z.enum(['customer', 'agent', 'bot']), sequence: z.int().optional() };
  const { sequence: _sequence, ...removed } = base;
  it.each([
    ['a removed field', removed, 'sequence', 'is gone'],
    ['a renamed field', { ...removed, position: z.int().optional() }, 'sequence', 'is gone'],
    ['a new required field', { ...base, locale: z.string() }, 'locale', 'is required now'],
    ['a field that must be given now', { ...base, sequence: z.int() }, 'sequence', 'is required now'],
    ['another type', { ...base, sequence: z.string().optional() }, 'sequence', 'type integer is no longer allowed'],
    ['fewer values', { ...base, author: z.enum(['agent']) }, 'author', 'no longer allowed'],
    ['a narrower bound', { ...base, text: z.string().max(50) }, 'text', 'maxLength is lower'],
    ['a pattern', { ...base, id: z.string().regex(/^m-/) }, 'id', 'pattern is new'],
  ])('refuses %s, naming it', (_what, fields, path, reason) => {
    const [change] = ship({ message: z.strictObject({ ...fields, text: fields.text }) });
    expect(change).toMatchObject({ kind: 'breaking', name: 'message', version: 3 });
    const breaks = change?.kind === 'breaking' ? change.breaks : [];
    expect(breaks).toContainEqual({ path, message: expect.stringContaining(reason) as string });
    expect(readRegistry(folder).filter(({ name }) => name === 'message')).toHaveLength(2);
  });

  it('keeps what was shipped: a name does not go, and a version that was sealed does not change', () => {
    const current = { message: z.strictObject({ ...base, text: z.string().max(200) }) };
    const versions = [z.strictObject(message), z.strictObject({ ...message, ...stamped })];
    expect(ship({ ...current, payload: versions })).toHaveLength(2);
    expect(ship({ ...current })).toEqual([{ kind: 'gone', name: 'payload' }]);
    const rewritten = [z.strictObject({ ...message, locale: z.string().optional() }), versions[1]!];
    expect(ship({ ...current, payload: rewritten })).toEqual([{ kind: 'rewritten', name: 'payload', version: 1 }]);
    expect(ship({ ...current, payload: versions.slice(0, 1) })).toEqual([{ kind: 'gone', name: 'payload' }]);
    const third = z.strictObject({ id: z.string(), schemaVersion: z.literal(3) });
    expect(ship({ ...current, payload: [...versions, third] })).toMatchObject([{ kind: 'breaking', version: 3 }]);
  });
});
