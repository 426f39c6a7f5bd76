import { EarshotError } from '../domain/errors.ts';

export interface ObjectKeyParts {
  readonly tenant: string;
  readonly customerKey: string;
  /** Of the data key that seals it. */
  readonly generation: number;
  readonly interactionId: string;
  /** What the object is: `source-<body hash>` or `transcript-<recognition id>`. */
  readonly name: string;
}

const PARTS: Readonly<Record<keyof ObjectKeyParts, RegExp>> = {
  tenant: /^[a-z0-9][a-z0-9_-]{0,62}$/,
  customerKey: /^[0-9a-f]{32}$/,
  generation: /^[1-9]\d{0,9}$/,
  interactionId: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  name: /^[a-z0-9][a-z0-9-]{0,127}$/,
};

/**
 * `<tenant>/<customerKey>/g<generation>/<interactionId>/<name>`: all of a customer lies under one prefix, all that one
 * data key seals under the next, and an erasure takes exactly that. docs/raw-objects.md has worked examples.
 */
export function rawObjectKey(parts: ObjectKeyParts): string {
  for (const [part, grammar] of Object.entries(PARTS)) {
    if (!grammar.test(String(parts[part as keyof ObjectKeyParts]))) {
      throw new EarshotError('misconfigured', `the ${part} of a raw object's key is malformed`);
    }
  }
  return `${parts.tenant}/${parts.customerKey}/g${parts.generation}/${parts.interactionId}/${parts.name}`;
}

/** Where all objects of a customer lie. */
export function customerPrefix(tenant: string, customerKey: string): string {
  return `${tenant}/${customerKey}/`;
}

/** Where all objects of a record lie. */
export function recordPrefix(parts: Omit<ObjectKeyParts, 'name'>): string {
  return rawObjectKey({ ...parts, name: 'x' }).slice(0, -1);
}

/** The generation that a customer's object is sealed under; undefined for a key of another grammar. */
export function generationOf(key: string): number | undefined {
  const part = /^[^/]+\/[^/]+\/g(\d+)\//.exec(key)?.[1];
  return part === undefined ? undefined : Number(part);
}

/** The record that an object belongs to; undefined for a key of another grammar. */
export function recordOf(key: string): string | undefined {
  return /^[a-z0-9_-]+\/[0-9a-f]{32}\/g\d+\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/[^/]+$/.exec(key)?.[1];
}
