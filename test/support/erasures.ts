import type { Certificate } from '../../src/erasure/certificate.ts';
import type { Answer, TestEarshot } from './earshot.ts';
import { until } from './until.ts';

export interface Erasure {
  readonly erasureId: string;
  readonly workflowId: string;
  readonly state: string;
  readonly step: string;
  readonly reason: string | null;
  readonly erasedBefore: string | null;
  readonly before: Record<string, number> | null;
  readonly after: Record<string, number> | null;
  readonly exceptions: { store: string; what: string; goneBy: string }[];
  readonly certificate: Certificate | null;
}

export async function requestErasure(
  earshot: TestEarshot,
  customerId: string,
  reason = 'asked by letter',
): Promise<Answer<Erasure>> {
  return earshot.request<Erasure>('POST', '/v1/erasures', { customerId, reason });
}

export async function findErasure(earshot: TestEarshot, erasureId: string): Promise<Erasure> {
  return (await earshot.request<Erasure>('GET', `/v1/erasures/${erasureId}`)).body;
}

/** Waits until an erasure has come to its end. */
export async function completed(
  earshot: TestEarshot,
  erasureId: string,
): Promise<Erasure & { certificate: Certificate }> {
  return until(
    `erasure ${erasureId} is completed`,
    async () => {
      const erasure = await findErasure(earshot, erasureId).catch(() => undefined);
      return erasure?.state === 'completed' && (erasure as Erasure & { certificate: Certificate });
    },
    100_000,
  );
}

/** Forgets a customer and waits until it is certified. */
export async function erase(earshot: TestEarshot, customerId: string): Promise<Erasure & { certificate: Certificate }> {
  const { body, status } = await requestErasure(earshot, customerId);
  if (status !== 202) throw new Error(`the erasure was answered with ${status}: ${JSON.stringify(body)}`);
  return completed(earshot, body.erasureId);
}

/** Dials with which an erasure takes no longer than its work. */
export const AT_ONCE = { 'erasure.second_pass_after_ms': 0 };
