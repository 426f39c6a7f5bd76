import fc from 'fast-check';
import type { Certificate, CertificateSigner, CertificateStatement } from '../../src/erasure/certificate.ts';

/** A statement as an erasure makes it, but for what is given. */
export function statementOf(fields: Partial<CertificateStatement> = {}): CertificateStatement {
  const at = '2026-03-01T10:00:00.000Z';
  return {
    version: 1,
    tenant: 'default',
    sequence: 1,
    erasureId: '0b0f7f0e-5d52-4c5c-9c55-3f7f3c1d2a10',
    scope: 'customer',
    customerKey: 'a'.repeat(32),
    requestedAt: at,
    dueAt: at,
    erasedBefore: at,
    destroyedKeyGenerations: 1,
    completedAt: at,
    issuedAt: at,
    codeVersion: 'test',
    before: { 'postgres.chunk': 3 },
    after: { 'postgres.chunk': 0 },
    secondPass: { at, found: {} },
    verification: { at, rounds: 2, probes: { chunks: 3, objects: 1, runs: 1 } },
    residue: {},
    exceptions: [],
    reappliedAt: null,
    residueClearedAt: null,
    previousHash: null,
    ...fields,
  };
}

/** So many certificates of a tenant, each bound to the one before it. */
export function chainOf(signer: CertificateSigner, length: number, tenant = 'default'): Certificate[] {
  const chain: Certificate[] = [];
  for (let sequence = 1; sequence <= length; sequence++) {
    const previousHash = chain.at(-1)?.hash ?? null;
    chain.push(signer.sign(statementOf({ tenant, sequence, previousHash })));
  }
  return chain;
}

const count = fc.dictionary(fc.string({ minLength: 1 }), fc.nat(), { maxKeys: 4 });
const moment = fc
  .date({ min: new Date('2020-01-01'), max: new Date('2040-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString());

/** Any statement that begins a chain. */
export const anyStatement: fc.Arbitrary<CertificateStatement> = fc
  .record({
    tenant: fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,20}$/),
    erasureId: fc.uuid(),
    requestedAt: moment,
    completedAt: moment,
    codeVersion: fc.string(),
    before: count,
    after: count,
    exceptions: fc.array(fc.record({ store: fc.string(), what: fc.string(), goneBy: moment }), { maxLength: 3 }),
  })
  .map(statementOf);
