import { appendCertificate, findCertificate, lastCertificate } from '../../src/db/erasure-certificates.ts';
import { completeErasure, type ErasureRow } from '../../src/db/erasures.ts';
import type { ErasureRef } from '../../src/domain/erasure.ts';
import { EarshotError } from '../../src/domain/errors.ts';
import type { Certificate, CertificateStatement } from '../../src/erasure/certificate.ts';
import { writeCertificateCopy } from '../../src/erasure/ledger.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { loadErasure } from './erasure.ts';

/** Signs what was done, adds it to the tenant's chain, keeps a copy outside of the database and closes the erasure. */
export async function certify(deps: ActivityDependencies, ref: ErasureRef, signal: AbortSignal): Promise<void> {
  const { app } = deps.database.forTenant(ref.tenant);
  const row = await loadErasure(deps, ref);
  const certificate = (await issuedBefore(deps, row)) ?? (await issue(deps, row));
  const { sequence } = certificate.statement;
  await writeCertificateCopy(deps.rawStore, { ...ref, sequence }, JSON.stringify(certificate), signal);
  await completeErasure(app, ref.tenant, ref.erasureId);
  deps.metrics.erasures.inc({ scope: row.scope });
  deps.log.info({ erasureId: ref.erasureId, tenant: ref.tenant }, 'erasure certified');
}

/** What an attempt before this one has issued, unless the erasure was applied again or its residue cleared since. */
async function issuedBefore(deps: ActivityDependencies, row: ErasureRow): Promise<Certificate | undefined> {
  const known = await findCertificate(deps.database.forTenant(row.tenant).app, row.tenant, row.erasure_id);
  if (known === undefined) return undefined;
  const certificate = JSON.parse(known.certificate) as Certificate;
  const { reappliedAt, residueClearedAt } = certificate.statement;
  const { report } = row;
  const isOfNow =
    reappliedAt === (report.reappliedAt ?? null) && residueClearedAt === (report.residueClearedAt ?? null);
  return isOfNow ? certificate : undefined;
}

/** Signs and appends; another erasure may take the place in the chain first, then the next place is signed. */
async function issue(deps: ActivityDependencies, row: ErasureRow): Promise<Certificate> {
  const { tenant, erasure_id } = row;
  const { app } = deps.database.forTenant(tenant);
  for (;;) {
    const last = await lastCertificate(app, tenant);
    const sequence = (last?.sequence ?? 0) + 1;
    const certificate = deps.certificates.sign(statementOf(deps, row, sequence, last?.hash ?? null));
    const text = JSON.stringify(certificate);
    if (await appendCertificate(app, tenant, { sequence, erasure_id, certificate: text, hash: certificate.hash })) {
      return certificate;
    }
  }
}

function statementOf(
  deps: ActivityDependencies,
  row: ErasureRow,
  sequence: number,
  previousHash: string | null,
): CertificateStatement {
  const { report } = row;
  const { before, after, late, verifiedAt, secondPassAt, probes } = report;
  const looked = row.scope === 'retention' || (late !== undefined && secondPassAt !== undefined);
  if (!before || !after || !looked || verifiedAt === undefined || !probes) {
    throw new EarshotError('conflict', `erasure ${row.erasure_id} has not been verified`);
  }
  return {
    version: 1,
    tenant: row.tenant,
    sequence,
    erasureId: row.erasure_id,
    scope: row.scope,
    customerKey: row.customer_key,
    requestedAt: row.requested_at.toISOString(),
    dueAt: row.due_at.toISOString(),
    erasedBefore: row.erased_before?.toISOString() ?? null,
    destroyedKeyGenerations: row.destroyed_generation,
    completedAt: (row.completed_at ?? new Date()).toISOString(),
    issuedAt: new Date().toISOString(),
    codeVersion: deps.codeVersion,
    before,
    after,
    secondPass: late === undefined || secondPassAt === undefined ? null : { at: secondPassAt, found: late },
    verification: {
      at: verifiedAt,
      rounds: report.rounds ?? 1,
      probes: { chunks: probes.chunks.length, objects: probes.objects.length, runs: probes.runs.length },
    },
    residue: { ...report.residue },
    exceptions: [...(report.exceptions ?? [])],
    reappliedAt: report.reappliedAt ?? null,
    residueClearedAt: report.residueClearedAt ?? null,
    previousHash,
  };
}
