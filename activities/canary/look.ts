import type { CanaryClient, CanaryHit, CanaryQuestion } from '../../src/canary/canary-client.ts';
import { CanaryRefused } from '../../src/canary/canary-client.ts';
import { canaryStand, type CanaryChunkRow } from '../../src/db/canaries.ts';
import { CANARY_CUSTOMER, type CanaryEvidence } from '../../src/domain/canary.ts';
import type { InteractionState, Modality } from '../../src/domain/interaction.ts';
import type { ActivityDependencies } from '../dependencies.ts';

/** A canary as one look saw it. */
export interface CanaryLook extends CanaryEvidence {
  readonly state: InteractionState | null;
  /** Whether the endpoint was asked and answered. */
  readonly answered: boolean;
}

/** Texts that are asked for: a canary has one or two. */
const ASKED = 4;

const NOT_ASKED = {
  answered: true,
  foundByWords: false,
  foundByVector: false,
  foundInCustomer: false,
  distractorInCustomer: false,
};

/** Looks into the database, and, once all that the endpoint needs is there, asks the endpoint. */
export async function lookFor(
  deps: ActivityDependencies,
  client: CanaryClient,
  modality: Modality,
  { tenant, interactionId }: { readonly tenant: string; readonly interactionId: string },
): Promise<CanaryLook> {
  const { app, reader } = deps.database.forTenant(tenant);
  const { index_version: version } = deps.indexVersions.live();
  const { state, chunks } = await canaryStand(app, tenant, interactionId, version);
  const seen = await canaryStand(reader, tenant, interactionId, version);
  const stand = {
    state: state as InteractionState | null,
    chunks: chunks.length,
    vectors: chunks.filter(({ has_vector }) => has_vector).length,
    visible: seen.chunks.length,
  };
  if (stand.chunks === 0 || stand.vectors < stand.chunks) return { ...stand, ...NOT_ASKED };
  return { ...stand, ...(await askFor(client, modality, chunks.slice(0, ASKED))) };
}

async function askFor(client: CanaryClient, modality: Modality, chunks: readonly CanaryChunkRow[]) {
  try {
    const found = await Promise.all(chunks.map((chunk) => askForOne(client, modality, chunk)));
    return {
      answered: true,
      foundByWords: found.every(({ byWords }) => byWords),
      foundByVector: found.every(({ byVector }) => byVector),
      foundInCustomer: found.every(({ inCustomer }) => inCustomer),
      distractorInCustomer: found.some(({ distractor }) => distractor),
    };
  } catch (error) {
    if (!(error instanceof CanaryRefused)) throw error;
    return { ...NOT_ASKED, answered: false };
  }
}

/**
 * By its vector and by its words through the indexes of all, where a canary is nearest to itself; and within its
 * customer, where no other customer's may come back.
 */
async function askForOne(client: CanaryClient, modality: Modality, chunk: CanaryChunkRow) {
  const query = chunk.text;
  const ask = (question: Omit<CanaryQuestion, 'query'>) => client.ask({ query, ...question });
  const [byVector, byWords, inCustomer] = await Promise.all([
    ask({ mode: 'vector' }),
    ask({ mode: 'text', modalities: [modality] }),
    ask({ mode: 'hybrid', customerId: CANARY_CUSTOMER.id }),
  ]);
  const has = (hits: readonly CanaryHit[]) => hits.some(({ chunkId }) => chunkId === chunk.chunk_id);
  return {
    byVector: has(byVector),
    byWords: has(byWords),
    inCustomer: has(inCustomer),
    distractor: inCustomer.some(({ customerId }) => customerId !== CANARY_CUSTOMER.id),
  };
}
