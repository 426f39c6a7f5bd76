import { createHash, createPrivateKey, createPublicKey, hkdfSync, sign, verify, type KeyObject } from 'node:crypto';
import canonicalize from 'canonicalize';
import { z } from 'zod';
import { EarshotError } from '../domain/errors.ts';

const counts = z.record(z.string(), z.int());

/** What a certificate states. No personal data: the customer is a keyed hash, everything else counts and times. */
const statement = z.strictObject({
  version: z.literal(1),
  tenant: z.string(),
  /** Place in the tenant's chain, from 1. */
  sequence: z.int().positive(),
  erasureId: z.guid(),
  scope: z.enum(['customer', 'retention']),
  customerKey: z.string().nullable(),
  requestedAt: z.string(),
  dueAt: z.string(),
  /** The watermark: what was captured until then is gone. */
  erasedBefore: z.string().nullable(),
  destroyedKeyGenerations: z.int().nullable(),
  completedAt: z.string(),
  /** Later than `completedAt` when it was certified again. */
  issuedAt: z.string(),
  codeVersion: z.string(),
  before: counts,
  after: counts,
  /** The look after the longest possible late write; an erasure by age has none. */
  secondPass: z.strictObject({ at: z.string(), found: counts }).nullable(),
  verification: z.strictObject({ at: z.string(), rounds: z.int(), probes: counts }),
  residue: z.looseObject({}),
  exceptions: z.array(z.strictObject({ store: z.string(), what: z.string(), goneBy: z.string() })),
  reappliedAt: z.string().nullable(),
  /** When tables whose rewrite an earlier certificate of this erasure postponed had been rewritten. */
  residueClearedAt: z.string().nullable(),
  /** Of the certificate before this one, as its `hash`; null for the first. */
  previousHash: z.string().nullable(),
});
export type CertificateStatement = z.infer<typeof statement>;

const signed = z.strictObject({
  statement,
  /** SHA-256 of the statement in canonical form (RFC 8785), hexadecimal. */
  hash: z.string(),
  /** Ed25519 (RFC 8032) over the statement in canonical form, base64. */
  signature: z.string(),
  /** The key that signed, as SPKI in PEM. */
  publicKey: z.string(),
});
export type Certificate = z.infer<typeof signed>;

export interface CertificateSigner {
  /** SPKI in PEM, to be published. */
  readonly publicKey: string;
  sign(statement: CertificateStatement): Certificate;
}

/** DER of PKCS #8 for an Ed25519 seed (RFC 8410, section 7), which the seed follows. */
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A signer whose key is derived from the master key (HKDF, RFC 5869): one secret less to keep, the same on each start. */
export function certificateSigner(masterKey: Buffer): CertificateSigner {
  const seed = Buffer.from(hkdfSync('sha256', masterKey, '', 'earshot erasure certificates', 32));
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8_ED25519, seed]),
    format: 'der',
    type: 'pkcs8',
  });
  const publicKey = createPublicKey(privateKey).export({ format: 'pem', type: 'spki' }).toString();
  return {
    publicKey,
    sign: (body) => {
      const bytes = canonicalBytes(body);
      const signature = sign(null, bytes, privateKey).toString('base64');
      return { statement: body, hash: hashOf(bytes), signature, publicKey };
    },
  };
}

/** @throws EarshotError `invalid_request` when the text is no certificate or list of them. */
export function parseCertificates(text: string): Certificate[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new EarshotError('invalid_request', 'the file is not JSON');
  }
  const found = chainIn(json);
  const certificates: unknown = Array.isArray(found) ? found : [found];
  // As they were read, not as the schema copies them: a copy lacks what it does not know, such as `__proto__`.
  if (z.array(signed).min(1).safeParse(certificates).success) return certificates as Certificate[];
  throw new EarshotError('invalid_request', 'the file holds no certificate of this version');
}

/** A certificate may come as a file of its own, as a list, or inside what the API answered. */
function chainIn(json: unknown): unknown {
  if (json === null || typeof json !== 'object') return json;
  if ('certificates' in json) return json.certificates;
  return 'certificate' in json ? json.certificate : json;
}

/**
 * Checks signatures and chain with the public key alone; answers what is wrong, empty when all is right. Certificates
 * that follow each other by `sequence` must be linked by hash; a gap in a tenant's chain, and two certificates at one place,
 * are told. That certificates were cut off at the end cannot be seen.
 *
 * @param publicKey SPKI in PEM; without it all certificates must name the same key, and are checked against that.
 */
export function checkCertificates(certificates: readonly Certificate[], publicKey?: string): string[] {
  const faults: string[] = [];
  for (const certificate of certificates) {
    const { sequence, tenant } = certificate.statement;
    const name = `certificate ${sequence} of ${tenant}`;
    const bytes = canonicalBytes(certificate.statement);
    if (hashOf(bytes) !== certificate.hash) faults.push(`${name}: the hash does not match the statement`);
    if (!sameKey(publicKey ?? certificates[0]!.publicKey, certificate.publicKey)) {
      faults.push(`${name}: it names another key than ${publicKey === undefined ? 'the first' : 'the one given'}`);
    }
    if (certificate.publicKey !== pemOf(certificate.publicKey))
      faults.push(`${name}: its key is not written as signed`);
    if (!isSignedBy(publicKey ?? certificate.publicKey, bytes, certificate.signature)) {
      faults.push(`${name}: the signature is not valid`);
    }
  }
  return [...faults, ...brokenLinks(certificates)];
}

function brokenLinks(certificates: readonly Certificate[]): string[] {
  const faults: string[] = [];
  const byPlace = new Map(certificates.map((each) => [`${each.statement.tenant} ${each.statement.sequence}`, each]));
  const lowest = new Map<string, number>();
  for (const { statement: body } of certificates) {
    lowest.set(body.tenant, Math.min(body.sequence, lowest.get(body.tenant) ?? body.sequence));
  }
  for (const { statement: body, hash } of certificates) {
    const { tenant, sequence, previousHash } = body;
    if (byPlace.get(`${tenant} ${sequence}`)!.hash !== hash) {
      faults.push(`certificate ${sequence} of ${tenant}: there are two at this place`);
    }
    const previous = byPlace.get(`${tenant} ${sequence - 1}`);
    if (sequence === 1 ? previousHash !== null : previousHash === null) {
      faults.push(`certificate ${sequence} of ${tenant}: it names ${previousHash === null ? 'no' : 'a'} predecessor`);
    } else if (previous !== undefined && previous.hash !== previousHash) {
      faults.push(`certificate ${sequence} of ${tenant}: it does not follow certificate ${sequence - 1}`);
    } else if (previous === undefined && sequence > lowest.get(tenant)!) {
      faults.push(`certificate ${sequence - 1} of ${tenant} is missing`);
    }
  }
  return faults;
}

function canonicalBytes(body: CertificateStatement): Buffer {
  return Buffer.from(canonicalize(body) ?? '');
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Base64 and PEM have many readings of the same bytes: only the one that a signer writes is taken. */
function isSignedBy(publicKey: string, bytes: Buffer, signature: string): boolean {
  const key = publicKeyOf(publicKey);
  const given = Buffer.from(signature, 'base64');
  return key !== undefined && given.toString('base64') === signature && verify(null, bytes, key, given);
}

function pemOf(publicKey: string): string | undefined {
  return publicKeyOf(publicKey)?.export({ format: 'pem', type: 'spki' }).toString();
}

function sameKey(one: string, other: string): boolean {
  const [a, b] = [publicKeyOf(one), publicKeyOf(other)];
  return a !== undefined && b !== undefined && a.equals(b);
}

function publicKeyOf(pem: string): KeyObject | undefined {
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    return undefined;
  }
}
