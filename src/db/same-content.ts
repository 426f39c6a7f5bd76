import { run, type Queryable } from './pools.ts';

/** A recognition of which another record may hold the answer. */
export interface SameContent {
  readonly tenant: string;
  readonly interactionId: string;
  readonly customerKey: string;
  readonly generation: number;
  readonly contentHash: string;
  readonly kind: string;
  readonly piece: number;
  readonly model: string;
  readonly prompt: string;
  /** What decides a model's answer: without redactor and chunker, which work on it afterwards. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** How many answers are tried: one is enough unless its record is being erased. */
const TRIED = 3;

/**
 * Answers of a model that other records of the same customer with the same bytes keep in the raw store, newest first.
 * A record under another generation of the customer's key is being erased, and is not looked at.
 */
export async function findKeptAnswers(db: Queryable, content: SameContent): Promise<{ sealed_object: string }[]> {
  const statement = {
    name: 'find_kept_answers',
    text: `
      select a.sealed_object
      from interaction i
      join artifact a on a.tenant = i.tenant and a.interaction_id = i.interaction_id
      where i.tenant = $1 and i.customer_key = $2 and i.content_hash = $3 and i.key_generation = $4::integer
        and i.interaction_id <> $5::uuid
        and a.kind = $6 and a.piece = $7::integer and a.model = $8 and a.sealed_object is not null
        and a.prompt_version = $10 and a.parameters - '{redactor,chunker,prompt}'::text[] = $9::jsonb
      order by a.created_at desc
      limit ${TRIED}`,
  };
  return run<{ sealed_object: string }>(db, statement, [
    content.tenant,
    content.customerKey,
    content.contentHash,
    content.generation,
    content.interactionId,
    content.kind,
    content.piece,
    content.model,
    JSON.stringify(content.parameters),
    content.prompt,
  ]);
}
