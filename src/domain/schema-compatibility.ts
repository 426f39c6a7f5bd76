/** A JSON Schema as a document of JSON Schema 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Why a document that was valid may no longer be, and where: a path of property names. */
export interface SchemaBreak {
  readonly path: string;
  readonly message: string;
}

/**
 * What of `after` refuses documents that `before` allows; empty when every document that was valid still is. Rules are
 * known for the keywords that zod writes; a keyword without a rule must not have changed, so that what cannot be judged
 * is refused. A property that is gone counts as a break also where unknown properties are allowed: it would be ignored.
 */
export function schemaBreaks(before: JsonSchema, after: JsonSchema, path = ''): SchemaBreak[] {
  if (isEqual(before, after)) return [];
  const alternatives = alternativesOf(before);
  if (alternatives !== undefined) return alternatives.flatMap((each) => schemaBreaks(each, after, path));
  if (alternativesOf(after) !== undefined) return breaksOfChoice(before, after, path);
  const keywords = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keywords].flatMap((keyword) => {
    if (ANNOTATIONS.has(keyword) || isEqual(before[keyword], after[keyword])) return [];
    const rule = RULES[keyword];
    if (rule === undefined) return [{ path, message: `${keyword} changed, and there is no rule to compare it by` }];
    return rule(before, after, path);
  });
}

/** Keywords that refuse nothing. `format` is none: a validator may check it. */
const ANNOTATIONS = new Set([
  '$schema', '$id', '$comment', 'title', 'description', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly',
]); // prettier-ignore

type Rule = (before: JsonSchema, after: JsonSchema, path: string) => SchemaBreak[];

const breakIf = (broken: boolean, path: string, message: string): SchemaBreak[] => (broken ? [{ path, message }] : []);

/** A keyword whose value must not be put in place or changed, only taken away. */
const onlyRemoved =
  (keyword: string): Rule =>
  (_before, after, path) =>
    breakIf(after[keyword] !== undefined, path, `${keyword} is new or another`);

const lower =
  (keyword: string): Rule =>
  (before, after, path) =>
    breakIf(numberOf(after, keyword, -Infinity) > numberOf(before, keyword, -Infinity), path, `${keyword} is higher`);

const upper =
  (keyword: string): Rule =>
  (before, after, path) =>
    breakIf(numberOf(after, keyword, Infinity) < numberOf(before, keyword, Infinity), path, `${keyword} is lower`);

const RULES: Readonly<Record<string, Rule>> = {
  type: typeBreaks,
  enum: valueBreaks,
  const: valueBreaks,
  minimum: lower('minimum'),
  exclusiveMinimum: lower('exclusiveMinimum'),
  minLength: lower('minLength'),
  minItems: lower('minItems'),
  minProperties: lower('minProperties'),
  maximum: upper('maximum'),
  exclusiveMaximum: upper('exclusiveMaximum'),
  maxLength: upper('maxLength'),
  maxItems: upper('maxItems'),
  maxProperties: upper('maxProperties'),
  pattern: onlyRemoved('pattern'),
  format: onlyRemoved('format'),
  multipleOf: onlyRemoved('multipleOf'),
  required: requiredBreaks,
  properties: propertyBreaks,
  additionalProperties: openBreaks,
  items: (before, after, path) => schemaBreaks(schemaOf(before['items']), schemaOf(after['items']), `${path}[]`),
};

function typeBreaks(before: JsonSchema, after: JsonSchema, path: string): SchemaBreak[] {
  const allowed = typesOf(after);
  if (allowed === undefined) return [];
  const refused = (typesOf(before) ?? ['any']).filter(
    (type) => !allowed.includes(type) && !(type === 'integer' && allowed.includes('number')),
  );
  return breakIf(refused.length > 0, path, `type ${refused.join(', ')} is no longer allowed`);
}

function valueBreaks(before: JsonSchema, after: JsonSchema, path: string): SchemaBreak[] {
  const allowed = valuesOf(after);
  if (allowed === undefined) return [];
  const known = valuesOf(before);
  if (known === undefined) return [{ path, message: 'only certain values are allowed now' }];
  const refused = known.filter((value) => !allowed.some((other) => isEqual(value, other)));
  return breakIf(refused.length > 0, path, `values are no longer allowed: ${JSON.stringify(refused)}`);
}

function requiredBreaks(before: JsonSchema, after: JsonSchema, path: string): SchemaBreak[] {
  const known = listOf(before['required']);
  return listOf(after['required'])
    .filter((name) => !known.includes(name))
    .map((name) => ({ path: join(path, name), message: 'is required now' }));
}

function propertyBreaks(before: JsonSchema, after: JsonSchema, path: string): SchemaBreak[] {
  const known = propertiesOf(before);
  const now = propertiesOf(after);
  const changed = Object.entries(known).flatMap(([name, schema]) => {
    const next = now[name];
    if (next === undefined) return [{ path: join(path, name), message: 'is gone' }];
    return schemaBreaks(schema, next, join(path, name));
  });
  const added = Object.entries(now).flatMap(([name, schema]) =>
    name in known || before['additionalProperties'] === false
      ? []
      : schemaBreaks(schemaOf(before['additionalProperties']), schema, join(path, name)),
  );
  return [...changed, ...added];
}

/** Properties that are not named. Where they were refused before, no valid document has any. */
function openBreaks(before: JsonSchema, after: JsonSchema, path: string): SchemaBreak[] {
  if (before['additionalProperties'] === false) return [];
  if (after['additionalProperties'] === false) return [{ path, message: 'unknown properties are refused now' }];
  return schemaBreaks(
    schemaOf(before['additionalProperties']),
    schemaOf(after['additionalProperties']),
    join(path, '*'),
  );
}

/** One alternative of the new schema must take all that the old one took. */
function breaksOfChoice(before: JsonSchema, after: JsonSchema, path: string): SchemaBreak[] {
  const choices = alternativesOf(after)!;
  if ('oneOf' in after && !areDisjoint(choices)) {
    return [{ path, message: 'alternatives of oneOf that no constant property tells apart cannot be compared' }];
  }
  const tried = choices.map((choice) => schemaBreaks(before, choice, path));
  if (tried.some((breaks) => breaks.length === 0)) return [];
  // The alternative that comes closest says best what is wrong.
  const [closest = [{ path, message: 'no alternative is left' }]] = tried.sort((a, b) => a.length - b.length);
  return closest;
}

/** The alternatives of a union, each with what stands beside the union; undefined for a schema that is none. */
function alternativesOf(schema: JsonSchema): JsonSchema[] | undefined {
  const keyword = ['anyOf', 'oneOf'].find((name) => Array.isArray(schema[name]));
  if (keyword === undefined) return undefined;
  const { [keyword]: choices, ...beside } = schema;
  const constraints = Object.entries(beside).filter(([name]) => !ANNOTATIONS.has(name));
  return (choices as JsonSchema[]).map((choice) => {
    const clashes = constraints.some(([name]) => name in choice);
    // Two rules for one keyword: kept apart under a name without a rule, which counts as a change.
    return clashes ? { allOf: [choice, beside] } : { ...Object.fromEntries(constraints), ...choice };
  });
}

/** Whether each pair differs in the value of a property that both require: no document is valid under two. */
function areDisjoint(schemas: readonly JsonSchema[]): boolean {
  return schemas.every((one, index) => schemas.slice(index + 1).every((other) => differ(one, other)));
}

function differ(one: JsonSchema, other: JsonSchema): boolean {
  return listOf(one['required']).some((name) => {
    if (!listOf(other['required']).includes(name)) return false;
    const values = valuesOf(propertiesOf(one)[name] ?? {});
    const others = valuesOf(propertiesOf(other)[name] ?? {});
    if (values === undefined || others === undefined) return false;
    return !values.some((value) => others.some((each) => isEqual(value, each)));
  });
}

const join = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

const numberOf = (schema: JsonSchema, keyword: string, absent: number): number =>
  typeof schema[keyword] === 'number' ? schema[keyword] : absent;

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? (value as string[]) : [];
}

function typesOf({ type }: JsonSchema): readonly string[] | undefined {
  if (type === undefined) return undefined;
  return (Array.isArray(type) ? type : [type]) as string[];
}

function valuesOf(schema: JsonSchema): readonly unknown[] | undefined {
  const listed = Array.isArray(schema['enum']) ? (schema['enum'] as unknown[]) : undefined;
  if (!('const' in schema)) return listed;
  return listed?.filter((value) => isEqual(value, schema['const'])) ?? [schema['const']];
}

function propertiesOf({ properties }: JsonSchema): Readonly<Record<string, JsonSchema>> {
  return (properties ?? {}) as Record<string, JsonSchema>;
}

/** `true` and an absent schema allow everything, `false` nothing. */
function schemaOf(value: unknown): JsonSchema {
  if (value === undefined || value === true) return {};
  return value === false ? { not: {} } : (value as JsonSchema);
}

/** Equality of JSON values, whatever the order of their properties. */
function isEqual(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: unknown): string | undefined {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
