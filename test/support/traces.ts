import { expect } from 'vitest';
import { acceptInteraction } from '../../src/db/intake.ts';
import { openDatabase } from '../../src/db/pools.ts';
import { ensureSubject } from '../../src/db/subjects.ts';
import { interactionOf, textOf } from './records.ts';
import type { TestEarshot } from './earshot.ts';

/** Notes that an answer's first hit showed a value, and that what was held back of a record was released. */
export async function plantTraces(earshot: TestEarshot, retrievalId: string, interactionId: string): Promise<void> {
  await earshot.database.query(
    `insert into exposure (tenant, retrieval_id, position, interaction_id, customer_key, hidden, shown_by, hidden_by)
     select h.tenant, h.retrieval_id, h.position, c.interaction_id, c.customer_key, '{"card": 1}', 'older', 'newer'
     from retrieval_hit h join chunk c using (tenant, chunk_id) where h.retrieval_id = $1 and h.position = 1`,
    [retrievalId],
  );
  await earshot.database.query(
    `insert into quarantine_decision (tenant, artifact_id, interaction_id, customer_key, decision, reason, confidence,
       decided_by, start_after)
     select tenant, artifact_id, interaction_id, customer_key, 'release', 'low_confidence', 0.2, 'key-1', now()
     from artifact where interaction_id = $1`,
    [interactionId],
  );
}

/** Puts a message under the customer key of the one caller into another tenant. */
export async function acceptInTenant(earshot: TestEarshot, tenant: string, text: string): Promise<void> {
  await earshot.database.query('insert into tenant (tenant) values ($1)', [tenant]);
  const [known] = await earshot.database.query<{ key: string }>(
    `select customer_key as key from interaction where channel = 'call'`,
  );
  const database = openDatabase({ url: earshot.database.url });
  const { app } = database.forTenant(tenant);
  const record = interactionOf({ tenant, customerKey: known!.key });
  await ensureSubject(app, tenant, record.customerKey);
  expect(await acceptInteraction(app, record, textOf(text))).toMatchObject({ outcome: 'accepted' });
  await database.close();
}
