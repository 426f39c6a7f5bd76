import { z } from 'zod';
import { EarshotError } from '../domain/errors.ts';
import type { CapturedPayload } from '../domain/payload.ts';

/**
 * The payloads that were ever sealed into the log, by version. A version that was shipped is never changed: what was
 * sealed under it lies in the log for years. docs/schemas.md says how to add the next.
 */

const names = z.string().min(1);

const chat1 = z.strictObject({
  channel: z.literal('chat'),
  customerId: names,
  conversationId: names,
  messageId: names,
  author: z.enum(['customer', 'agent', 'bot']),
  text: z.string(),
  sentAt: z.string(),
});
const call1 = z.strictObject({
  channel: z.literal('call'),
  customerId: names,
  callId: names,
  startedAt: z.string(),
  endedAt: z.string(),
  agentId: names.optional(),
});
const screenshot1 = z.strictObject({
  channel: z.literal('screenshot'),
  customerId: names,
  screenshotId: names,
  capturedAt: z.string(),
  conversationId: names.optional(),
});
/** Sealed without a version of its own. */
const version1 = z.discriminatedUnion('channel', [chat1, call1, screenshot1]);

const stamp = z.object({ schemaVersion: z.literal(2) }).shape;
/** Says its version; a chat message may say which of its conversation it is. */
const version2 = z.discriminatedUnion('channel', [
  chat1.extend({ ...stamp, sequence: z.int32().min(0).optional() }),
  call1.extend(stamp),
  screenshot1.extend(stamp),
]);

/** The schema of each version, oldest first: version 1 is at index 0. */
export const PAYLOAD_VERSIONS = [version1, version2] as const satisfies readonly z.ZodType[];
export const PAYLOAD_VERSION = PAYLOAD_VERSIONS.length;

type Payload1 = z.output<typeof version1>;
type Payload2 = z.output<typeof version2>;

/** Each makes of a payload of its version one of the next: the one at index 0 of a version 1 a version 2. */
const UPCASTERS = [(payload: Payload1): Payload2 => ({ schemaVersion: 2, ...payload })] as const;

/** The bytes that are sealed, in the newest version. */
export function payloadBytes(payload: CapturedPayload): Buffer {
  return Buffer.from(JSON.stringify({ schemaVersion: PAYLOAD_VERSION, ...payload }));
}

/**
 * A payload of any version as today's code knows it.
 *
 * @throws EarshotError `payload_unreadable` when its version is not known here, or it does not match its version.
 */
export function readPayload(bytes: Uint8Array): CapturedPayload {
  const stored = parse(bytes);
  const version = stored['schemaVersion'] ?? 1;
  const schema = PAYLOAD_VERSIONS[Number(version) - 1];
  if (schema === undefined) {
    throw new EarshotError('payload_unreadable', `its schema version is not known; up to ${PAYLOAD_VERSION} are`);
  }
  const result = schema.safeParse(stored);
  if (!result.success) {
    const paths = result.error.issues.map((issue) => issue.path.join('.') || 'payload');
    throw new EarshotError('payload_unreadable', `does not match schema version ${Number(version)}: ${paths.join()}`);
  }
  return withoutStamp(upcast(result.data, Number(version)));
}

function upcast(payload: Payload1 | Payload2, version: number): Payload2 {
  const newest = UPCASTERS.slice(version - 1).reduce<unknown>(
    (older, upcaster) => upcaster(older as Payload1),
    payload,
  );
  return newest as Payload2;
}

function withoutStamp({ schemaVersion: _version, ...payload }: Payload2): CapturedPayload {
  return payload;
}

function parse(bytes: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString());
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Not JSON: told below, without quoting it.
  }
  throw new EarshotError('payload_unreadable', 'is no JSON object');
}
