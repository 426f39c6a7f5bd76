import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { EarshotError } from '../domain/errors.ts';
import { schemaBreaks, type JsonSchema, type SchemaBreak } from '../domain/schema-compatibility.ts';

/** Where the schemas lie that were shipped: `<name>/<version>.json`, never changed again. */
export const REGISTRY = join(import.meta.dirname, 'registry');

/** One version of a schema, as it was shipped. */
export interface RegisteredSchema {
  readonly name: string;
  readonly version: number;
  readonly schema: JsonSchema;
}

/** The schemas that the code has, by name; of those with versions of their own, all of them, oldest first. */
export type CurrentSchemas = Readonly<Record<string, z.ZodType | readonly z.ZodType[]>>;

/** Everything that was shipped, by name and version. @throws EarshotError `misconfigured` when a version is missing. */
export function readRegistry(folder = REGISTRY): RegisteredSchema[] {
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  return names.flatMap((name) => {
    const versions = readdirSync(join(folder, name))
      .map((file) => Number(/^(\d+)\.json$/.exec(file)?.[1]))
      .sort((a, b) => a - b);
    return versions.map((version, index) => {
      if (version !== index + 1) throw new EarshotError('misconfigured', `schema ${name}: version ${index + 1} lacks`);
      const text = readFileSync(join(folder, name, `${version}.json`), 'utf8');
      return { name, version, schema: JSON.parse(text) as JsonSchema };
    });
  });
}

/** How the code differs from what was shipped. */
export type SchemaChange =
  | { readonly kind: 'new_version'; readonly name: string; readonly version: number; readonly schema: JsonSchema }
  | { readonly kind: 'breaking'; readonly name: string; readonly version: number; readonly breaks: SchemaBreak[] }
  /** A version with a successor must stay as it was shipped. */
  | { readonly kind: 'rewritten'; readonly name: string; readonly version: number }
  /** A name that was shipped must not go. */
  | { readonly kind: 'gone'; readonly name: string };

/** All differences between the registry and the code; empty when `npm run schemas` has nothing to do. */
export function schemaChanges(registered: readonly RegisteredSchema[], current: CurrentSchemas): SchemaChange[] {
  const gone = new Set(registered.map(({ name }) => name).filter((name) => !(name in current)));
  return [
    ...[...gone].map((name): SchemaChange => ({ kind: 'gone', name })),
    ...Object.entries(current).flatMap(([name, source]) => {
      const shipped = registered.filter((each) => each.name === name).map(({ schema }) => schema);
      return isList(source)
        ? changesOfVersions(name, shipped, source.map(jsonSchemaOf))
        : changesOfOne(name, shipped, jsonSchemaOf(source));
    }),
  ];
}

/** A schema of which the code knows the newest version alone, such as a request's. */
function changesOfOne(name: string, shipped: readonly JsonSchema[], now: JsonSchema): SchemaChange[] {
  const newest = shipped.at(-1);
  if (newest !== undefined && isSame(newest, now)) return [];
  return [nextVersion(name, shipped.length + 1, newest, now)];
}

/** A schema whose old versions the code reads too. The stamp of a version is what tells it from the one before. */
function changesOfVersions(
  name: string,
  shipped: readonly JsonSchema[],
  versions: readonly JsonSchema[],
): SchemaChange[] {
  const changes = versions.map((schema, index): SchemaChange | undefined => {
    const known = shipped[index];
    if (known !== undefined) {
      return isSame(known, schema) ? undefined : { kind: 'rewritten', name, version: index + 1 };
    }
    return nextVersion(name, index + 1, versions[index - 1], schema);
  });
  const lost = shipped.slice(versions.length).map((): SchemaChange => ({ kind: 'gone', name }));
  return [...changes.filter((change) => change !== undefined), ...lost];
}

function nextVersion(name: string, version: number, before: JsonSchema | undefined, schema: JsonSchema): SchemaChange {
  const breaks = before === undefined ? [] : schemaBreaks(withoutStamp(before), withoutStamp(schema));
  if (breaks.length > 0) return { kind: 'breaking', name, version, breaks };
  return { kind: 'new_version', name, version, schema };
}

/** Writes a version that was found to be new. */
export function writeVersion({ name, version, schema }: RegisteredSchema, folder = REGISTRY): void {
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name, `${version}.json`), `${JSON.stringify(schema, null, 2)}\n`, { flag: 'wx' });
}

/** What a sender may write. Rules that JSON Schema cannot say, such as "not only spaces", are left out. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'input' });
}

const STAMP = 'schemaVersion';

/** Each version has a stamp of its own, which an upcaster sets: no document of one version has that of another. */
function withoutStamp(value: JsonSchema): JsonSchema {
  const strip = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.filter((each) => each !== STAMP).map(strip);
    if (typeof part !== 'object' || part === null) return part;
    return Object.fromEntries(
      Object.entries(part).flatMap(([name, each]): [string, unknown][] =>
        name === STAMP ? [] : [[name, strip(each)]],
      ),
    );
  };
  return strip(value) as JsonSchema;
}

/** Whether two schemas say the same, in whatever order they name their properties. */
function isSame(a: JsonSchema, b: JsonSchema): boolean {
  return isDeepStrictEqual(ordered(a), ordered(b));
}

function ordered(part: unknown, name?: string): unknown {
  if (Array.isArray(part)) return name === 'required' ? part.toSorted() : part.map((each) => ordered(each));
  if (typeof part !== 'object' || part === null) return part;
  return Object.fromEntries(Object.entries(part).map(([key, each]) => [key, ordered(each, key)]));
}

function isList(source: z.ZodType | readonly z.ZodType[]): source is readonly z.ZodType[] {
  return Array.isArray(source);
}
