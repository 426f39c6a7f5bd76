import { run, type Queryable } from './pools.ts';

export interface CertificateRow {
  readonly sequence: number;
  readonly erasure_id: string;
  /** As it was signed, JSON. */
  readonly certificate: string;
  readonly hash: string;
}

const COLUMNS = 'sequence, erasure_id, certificate, hash';

/** The end of the tenant's chain; undefined before the first. */
export async function lastCertificate(db: Queryable, tenant: string): Promise<CertificateRow | undefined> {
  const statement = {
    name: 'last_certificate',
    text: `select ${COLUMNS} from erasure_certificate where tenant = $1 order by sequence desc limit 1`,
  };
  return (await run<CertificateRow>(db, statement, [tenant]))[0];
}

/** Adds to the chain; false when another certificate took the place meanwhile. */
export async function appendCertificate(db: Queryable, tenant: string, row: CertificateRow): Promise<boolean> {
  const statement = {
    name: 'append_certificate',
    text: `
      insert into erasure_certificate (tenant, sequence, erasure_id, certificate, hash)
      values ($1, $2, $3::uuid, $4, $5)
      on conflict do nothing
      returning sequence`,
  };
  const values = [tenant, row.sequence, row.erasure_id, row.certificate, row.hash];
  return (await run(db, statement, values)).length > 0;
}

/** The newest certificate of an erasure. */
export async function findCertificate(
  db: Queryable,
  tenant: string,
  erasureId: string,
): Promise<CertificateRow | undefined> {
  const statement = {
    name: 'find_certificate',
    text: `
      select ${COLUMNS}
      from erasure_certificate
      where tenant = $1 and erasure_id = $2::uuid
      order by sequence desc
      limit 1`,
  };
  return (await run<CertificateRow>(db, statement, [tenant, erasureId]))[0];
}

/** A part of the chain, in its order. */
export async function listCertificates(
  reader: Queryable,
  tenant: string,
  after: number,
  limit: number,
): Promise<CertificateRow[]> {
  const statement = {
    name: 'list_certificates',
    text: `
      select ${COLUMNS}
      from erasure_certificate
      where tenant = $1 and sequence > $2
      order by sequence
      limit $3`,
  };
  return run<CertificateRow>(reader, statement, [tenant, after, limit]);
}
