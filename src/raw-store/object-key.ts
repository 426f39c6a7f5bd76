import { EarshotError } from '../domain/errors.ts';

export interface ObjectKeyParts {
  readonly tenant: string;
  readonly customerKey: string;
  readonly interactionId: string;
  /** What the object is: `source-<body hash>` or `transcript-<artifact id>`. */
  readonly name: string;
}

const PARTS: Readonly<Record<keyof ObjectKeyParts, RegExp>> = {
  tenant: /^[a-z0-9][a-z0-9_-]{0,62}$/,
  customerKey: /^[0-9a-f]{32}$/,
  interactionId: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  name: /^[a-z0-9][a-z0-9-]{0,127}$/,
};

/**
 * `<tenant>/<customerKey>/<interactionId>/<name>`: all of a customer lies under one prefix, all of a record under the
 * next. docs/raw-objects.md has worked examples.
 */
export function rawObjectKey(parts: ObjectKeyParts): string {
  for (const [part, grammar] of Object.entries(PARTS)) {
    if (!grammar.test(parts[part as keyof ObjectKeyParts])) {
      throw new EarshotError('misconfigured', `the ${part} of a raw object's key is malformed`);
    }
  }
  return `${parts.tenant}/${parts.customerKey}/${parts.interactionId}/${parts.name}`;
}
