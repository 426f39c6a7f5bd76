import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { schemaBreaks, type JsonSchema } from '../../src/domain/schema-compatibility.ts';

const ajv = new Ajv2020({ strict: false });

/** Small schemas of the keywords that zod writes, so that pairs of them are often compatible. */
const schemas = fc.letrec<{ schema: JsonSchema }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    fc.constantFrom<JsonSchema>({ type: 'string' }, { type: 'number' }, { type: 'integer' }, {}),
    fc.record({ type: fc.constant('integer'), minimum: fc.nat(2), maximum: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ type: fc.constant('integer'), exclusiveMinimum: fc.nat(2) }),
    fc.record({ type: fc.constant('string'), minLength: fc.nat(1), maxLength: fc.nat(2) }),
    fc.record({ enum: fc.uniqueArray(fc.constantFrom('a', 'bb', 1), { minLength: 1 }) }),
    fc.record({ type: fc.constant('string'), pattern: fc.constantFrom('^a', 'b') }),
    fc.constantFrom<JsonSchema>({ const: 'a' }, { const: 2 }),
    fc
      .record({ type: fc.constant('array'), items: tie('schema'), minItems: fc.nat(1), maxItems: fc.nat(2) })
      .map((schema): JsonSchema => schema),
    fc
      .record({
        properties: fc.dictionary(fc.constantFrom('p', 'q'), tie('schema')),
        open: fc.boolean(),
        all: fc.boolean(),
      })
      .map(({ properties, open, all }): JsonSchema => ({
        type: 'object',
        properties,
        ...(all ? { required: Object.keys(properties) } : {}),
        ...(open ? {} : { additionalProperties: false }),
      })),
    fc.record({ anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }) }).map((schema): JsonSchema => schema),
    fc.tuple(tie('schema'), tie('schema')).map(([p, q]): JsonSchema => ({
      oneOf: [
        { type: 'object', properties: { kind: { const: 'one' }, p }, required: ['kind'], additionalProperties: false },
        { type: 'object', properties: { kind: { const: 'two' }, q }, required: ['kind'], additionalProperties: false },
      ],
    })),
  ),
})).schema;

const leaf = fc.constantFrom('a', 'bb', 'b', '', 0, 1, 2, 3, 1.5, null);
const documents = fc.oneof(
  leaf,
  fc.array(leaf, { maxLength: 3 }),
  fc.dictionary(fc.constantFrom('p', 'q', 'r'), fc.oneof(leaf, fc.array(leaf, { maxLength: 2 }))),
  fc.record({ kind: fc.constantFrom('one', 'two'), p: leaf }, { requiredKeys: ['kind'] }),
  fc.record({ kind: fc.constantFrom('one', 'two'), q: leaf }, { requiredKeys: ['kind'] }),
);

/** Two schemas of which the second is often the first with something loosened, tightened or added. */
const pairs = fc.oneof(
  fc.tuple(schemas, schemas),
  fc.tuple(schemas, schemas, fc.nat(9)).map(([before, other, which]): [JsonSchema, JsonSchema] => {
    const keywords = Object.keys(before);
    const { [keywords[which % (keywords.length || 1)] ?? '']: _dropped, ...rest } = before;
    const changes = [rest, { ...rest, ...other }, { ...before, ...other }, { anyOf: [other, before] }];
    return [before, changes[which % changes.length]!];
  }),
);

describe('a change of schema without breaks', () => {
  it('refuses no document that was valid', () => {
    let compared = 0;
    fc.assert(
      fc.property(pairs, fc.array(documents, { minLength: 40, maxLength: 40 }), ([before, after], tried) => {
        if (schemaBreaks(before, after).length > 0) return;
        const [old, now] = [ajv.compile(before), ajv.compile(after)];
        for (const document of tried.filter((each) => old(each))) {
          compared += 1;
          if (!now(document)) throw new Error(`${JSON.stringify(document)} is refused now`);
        }
      }),
      { numRuns: 2_000 },
    );
    // Else the generator no longer makes pairs that say anything.
    expect(compared).toBeGreaterThan(1_000);
  });

  it('is one to itself, but none by a keyword without a rule', () => {
    fc.assert(fc.property(schemas, (schema) => schemaBreaks(schema, structuredClone(schema)).length === 0));
    for (const keyword of ['allOf', 'not', 'if', '$ref', 'patternProperties', 'uniqueItems', 'a keyword of 2031']) {
      expect(schemaBreaks({ type: 'string' }, { type: 'string', [keyword]: {} })).toMatchObject([
        { message: expect.stringContaining(keyword) as string },
      ]);
    }
  });
});
