import { expect, it } from 'vitest';
import { appendCertificate, listCertificates } from '../../src/db/erasure-certificates.ts';
import { openDatabase } from '../../src/db/pools.ts';
import { restoreCompleted } from '../../src/db/restored-erasures.ts';
import { createDatabase } from '../support/database.ts';
import { statementOf } from '../support/certificates.ts';

it('a restored database takes certificates of erasures that it does not know, also of those by age', async () => {
  const owner = await createDatabase();
  const database = openDatabase({ url: owner.url });
  const { app } = database.forTenant('default');
  const byAge = { scope: 'retention', customerKey: null, erasedBefore: null, destroyedKeyGenerations: null } as const;
  const statements = [
    statementOf({ sequence: 1 }),
    statementOf({ sequence: 2, erasureId: '0b0f7f0e-5d52-4c5c-9c55-3f7f3c1d2a11', ...byAge }),
  ];
  for (const statement of statements) {
    const { sequence, erasureId } = statement;
    for (const attempt of [1, 2]) {
      await restoreCompleted(app, statement);
      const row = { sequence, erasure_id: erasureId, certificate: JSON.stringify({ statement }), hash: 'hash' };
      expect(await appendCertificate(app, 'default', row)).toBe(attempt === 1);
    }
  }
  expect((await listCertificates(app, 'default', 0, 10)).map(({ sequence }) => sequence)).toEqual([1, 2]);
  await database.close();
  await owner.drop();
});
