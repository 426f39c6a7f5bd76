import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { EarshotError } from '../domain/errors.ts';

/**
 * AES-256-GCM (NIST SP 800-38D). A sealed blob is
 * `version (1) | key generation (4, big endian) | nonce (12) | ciphertext | tag (16)`.
 * The header and the context, which says where the blob belongs, are authenticated: a blob that was moved, cut or
 * changed in any bit does not open.
 */
const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + 4 + NONCE_BYTES;

/** A customer's data key. Each generation ends with an erasure. */
export interface DataKey {
  readonly generation: number;
  readonly bytes: Buffer;
}

export interface KeyOwner {
  readonly tenant: string;
  readonly customerKey: string;
  readonly generation: number;
}

export function seal(key: DataKey, plaintext: Uint8Array, context: string): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(VERSION, 0);
  header.writeUInt32BE(key.generation, 1);
  const nonce = randomBytes(NONCE_BYTES);
  nonce.copy(header, 5);
  const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.concat([header, Buffer.from(context)]));
  return Buffer.concat([header, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/**
 * @param context the same that the blob was sealed with.
 * @throws EarshotError `raw_object_corrupt` when anything differs: key, context or a single bit.
 */
export function open(key: DataKey, blob: Uint8Array, context: string): Buffer {
  const bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength);
  if (sealedGeneration(bytes) !== key.generation) throw corrupt('is sealed under another key generation');
  const header = bytes.subarray(0, HEADER_BYTES);
  const nonce = header.subarray(5);
  const decipher = createDecipheriv('aes-256-gcm', key.bytes, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.concat([header, Buffer.from(context)]));
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  try {
    const opened = decipher.update(bytes.subarray(HEADER_BYTES, bytes.length - TAG_BYTES));
    // A stream cipher holds nothing back: this proves the bytes, which need not be copied.
    decipher.final();
    return opened;
  } catch {
    throw corrupt('does not open: it was changed, moved or sealed under another key');
  }
}

/** Which generation of the customer's key a blob needs. */
export function sealedGeneration(blob: Uint8Array): number {
  if (blob.length < HEADER_BYTES + TAG_BYTES) throw corrupt('is too short');
  const bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength);
  if (bytes.readUInt8(0) !== VERSION) throw corrupt('has an unknown version');
  return bytes.readUInt32BE(1);
}

/** A fresh data key and its form for storage, wrapped by the master key. */
export function createDataKey(masterKey: Buffer, owner: KeyOwner): { dataKey: DataKey; wrapped: Buffer } {
  const bytes = randomBytes(32);
  const wrapped = seal(masterDataKey(masterKey), bytes, ownerContext(owner));
  return { dataKey: { generation: owner.generation, bytes }, wrapped };
}

/** @throws EarshotError `misconfigured` when the master key is not the one that wrapped. */
export function unwrapDataKey(masterKey: Buffer, wrapped: Uint8Array, owner: KeyOwner): DataKey {
  const master = masterDataKey(masterKey);
  if (sealedGeneration(wrapped) !== master.generation) {
    throw new EarshotError('misconfigured', 'EARSHOT_MASTER_KEY is not the key that wrapped the stored data keys');
  }
  const bytes = open(master, wrapped, ownerContext(owner));
  return { generation: owner.generation, bytes };
}

/** The master key in the form of a data key, whose generation tells master keys apart. */
export function masterDataKey(masterKey: Buffer): DataKey {
  return { generation: masterKeyId(masterKey), bytes: masterKey };
}

/** Tells master keys apart without revealing them: 32 bits of a hash. */
function masterKeyId(masterKey: Buffer): number {
  return createHash('sha256').update('earshot master key').update(masterKey).digest().readUInt32BE(0);
}

function ownerContext({ tenant, customerKey, generation }: KeyOwner): string {
  return JSON.stringify(['data-key', tenant, customerKey, generation]);
}

function corrupt(what: string): EarshotError {
  return new EarshotError('raw_object_corrupt', `a sealed blob ${what}`);
}
