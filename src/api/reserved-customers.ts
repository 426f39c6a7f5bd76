import { reservedKeyOf } from '../domain/canary.ts';
import { EarshotError, invalidField } from '../domain/errors.ts';
import type { Caller } from './route.ts';

/**
 * The customers of canaries belong to the canary key, and it to them: no channel may write to them, no copilot or
 * operator ask of them, and the key reaches nobody else.
 *
 * @throws EarshotError `invalid_request` or `forbidden`
 */
export function checkReserved(caller: Caller, ...inputs: readonly unknown[]): void {
  for (const [field, id] of inputs.flatMap(customersOf)) {
    const reserved = reservedKeyOf(id) !== undefined;
    if (reserved && !caller.canary) throw invalidField(field, 'is reserved for canaries');
    if (!reserved && caller.canary) throw new EarshotError('forbidden', 'the canary key reaches canaries alone');
  }
}

/** Every customer that a request names. */
function customersOf(input: unknown): [field: string, id: string][] {
  if (typeof input !== 'object' || input === null) return [];
  const { customerId, customerIds, questions } = input as Record<string, unknown>;
  const several: unknown[] = Array.isArray(customerIds) ? customerIds : [];
  const nested: unknown[] = Array.isArray(questions) ? questions : [];
  const named = [
    ...[customerId].map((id): [string, unknown] => ['customerId', id]),
    ...several.map((id, index): [string, unknown] => [`customerIds.${index}`, id]),
  ].filter((each): each is [string, string] => typeof each[1] === 'string');
  const inner = nested.flatMap((each, index) =>
    customersOf(each).map(([field, id]): [string, string] => [`questions.${index}.${field}`, id]),
  );
  return [...named, ...inner];
}
