import type pg from 'pg';
import { payloadContext } from '../../src/domain/payload.ts';
import { createDataKey, seal } from '../../src/raw-store/envelope.ts';

const AT_A_TIME = 5_000;

/** Seals the payloads of all records of the bench as intake does, so that answers can name them. */
export async function sealAllPayloads(
  owner: pg.ClientBase,
  masterKey: Buffer,
  customers: ReadonlyMap<string, string>,
): Promise<void> {
  const keys = new Map(
    [...customers.keys()].map((customerKey) => [
      customerKey,
      createDataKey(masterKey, { tenant: 'default', customerKey, generation: 1 }),
    ]),
  );
  await owner.query(
    `insert into data_key (tenant, customer_key, generation, wrapped)
     select 'default', customer_key, 1, wrapped from unnest($1::text[], $2::bytea[]) as key (customer_key, wrapped)`,
    [[...keys.keys()], [...keys.values()].map(({ wrapped }) => wrapped)],
  );
  const { rows } = await owner.query<{ id: string; key: string }>(
    `select interaction_id as id, customer_key as key from interaction where code_version = 'bench'`,
  );
  for (let from = 0; from < rows.length; from += AT_A_TIME) {
    const page = rows.slice(from, from + AT_A_TIME);
    const sealed = page.map(({ id, key }) => {
      const names = { channel: 'chat', customerId: customers.get(key)!, conversationId: id, messageId: id };
      const payload = { ...names, author: 'customer', text: '', sentAt: '2026-11-21T00:00:00Z' };
      return seal(keys.get(key)!.dataKey, Buffer.from(JSON.stringify(payload)), payloadContext('default', id));
    });
    await owner.query(
      `update interaction set sealed_payload = sealed.payload
       from unnest($1::uuid[], $2::bytea[]) as sealed (id, payload)
       where tenant = 'default' and interaction_id = sealed.id`,
      [page.map(({ id }) => id), sealed],
    );
  }
}
