import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  certificateSigner,
  checkCertificates,
  parseCertificates,
  type Certificate,
} from '../../src/erasure/certificate.ts';
import { PROJECT } from '../../src/stack/tools.ts';
import { anyStatement, chainOf, statementOf } from '../support/certificates.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { AT_ONCE, completed, requestErasure } from '../support/erasures.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { namesOf, remember, WOBBEGONG, wordsOf } from '../support/unusual-customers.ts';

const masterKey = randomBytes(32);
const signer = certificateSigner(masterKey);
const stranger = certificateSigner(randomBytes(32));

const faultsOf = (...certificates: Certificate[]) => checkCertificates(certificates, signer.publicKey);

/** Every place in a JSON value where a number, a text or null stands. */
function leavesOf(value: unknown, path: readonly string[] = []): string[][] {
  if (value === null || typeof value !== 'object') return [[...path]];
  return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, [...path, key]));
}

function changed(leaf: unknown): unknown {
  if (typeof leaf === 'number') return leaf + 1;
  return typeof leaf === 'string' ? `${leaf}x` : 'something';
}

/** A deep copy in which one leaf differs. */
function withChange<T>(value: T, path: readonly string[]): T {
  const [key, ...rest] = path;
  if (key === undefined) return changed(value) as T;
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...value }) as Record<string, unknown>;
  copy[key] = withChange(copy[key], rest);
  return copy as T;
}

describe('a chain of certificates', () => {
  it('has no fault as it was signed, in any order of listing, with the key and without', () => {
    const chain = [...chainOf(signer, 5), ...chainOf(signer, 3, 'other')];
    expect(faultsOf(...chain)).toEqual([]);
    expect(checkCertificates(chain)).toEqual([]);
    fc.assert(
      fc.property(fc.shuffledSubarray(chain, { minLength: chain.length }), (listed) => {
        expect(faultsOf(...listed)).toEqual([]);
      }),
    );
  });

  it('may begin in its middle, as when a page of it is listed', () => {
    expect(faultsOf(...chainOf(signer, 5).slice(2))).toEqual([]);
  });

  it('has a fault when one in the middle was removed', () => {
    const chain = chainOf(signer, 6);
    for (const removed of [1, 2, 3, 4]) {
      const left = chain.filter((_, index) => index !== removed);
      expect(faultsOf(...left)).toEqual([`certificate ${removed + 1} of default is missing`]);
    }
  });

  it('has a fault when two were signed for the places of each other', () => {
    const [first, second, third] = chainOf(signer, 3);
    const swapped = [
      signer.sign({ ...first!.statement, sequence: 2 }),
      signer.sign({ ...second!.statement, sequence: 1 }),
      third!,
    ];
    expect(faultsOf(...swapped)).not.toEqual([]);
    expect(faultsOf({ ...first!, statement: second!.statement }, second!)).not.toEqual([]);
  });

  it('has a fault when one was replaced by another that the same key signed', () => {
    const chain = chainOf(signer, 3);
    const replaced = signer.sign({ ...chain[1]!.statement, after: { 'postgres.chunk': 1 } });
    expect(faultsOf(chain[0]!, replaced, chain[2]!)).toEqual([
      'certificate 3 of default: it does not follow certificate 2',
    ]);
  });

  it('has a fault when two stand at one place, or a stranger goes on with it, also without a key to check by', () => {
    const [first, second] = chainOf(signer, 2);
    const fork = signer.sign({ ...second!.statement, erasureId: '00000000-0000-8000-8000-00000000000f' });
    expect(checkCertificates([first!, second!, fork])).not.toEqual([]);
    expect(checkCertificates([first!, stranger.sign(second!.statement)])).not.toEqual([]);
  });

  it('has a fault when its first names a predecessor, or a later one none', () => {
    expect(faultsOf(signer.sign(statementOf({ previousHash: 'ab'.repeat(32) })))).not.toEqual([]);
    expect(faultsOf(signer.sign(statementOf({ sequence: 2 })))).not.toEqual([]);
  });
});

describe('a certificate', () => {
  it('has a fault after any change of any field', () => {
    fc.assert(
      fc.property(anyStatement, fc.nat(), (body, pick) => {
        const certificate = signer.sign(body);
        expect(faultsOf(certificate)).toEqual([]);
        const leaves = leavesOf(body);
        const statement = withChange(body, leaves[pick % leaves.length]!);
        expect(faultsOf({ ...certificate, statement })).not.toEqual([]);
      }),
    );
    const certificate = signer.sign(statementOf());
    for (const path of leavesOf(certificate)) {
      expect(faultsOf(withChange(certificate, path)), path.join('.')).not.toEqual([]);
    }
  });

  it('has a fault when a count was added that only some readers see', () => {
    const text = JSON.stringify(signer.sign(statementOf()));
    const padded = text.replace('"after":{', '"after":{"__proto__":5,');
    expect(faultsOf(...parseCertificates(text))).toEqual([]);
    expect(faultsOf(...parseCertificates(padded))).not.toEqual([]);
  });

  it('has a fault after a change of any bit of its signature', () => {
    const certificate = signer.sign(statementOf());
    for (let bit = 0; bit < 64 * 8; bit++) {
      const bytes = Buffer.from(certificate.signature, 'base64');
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(faultsOf({ ...certificate, signature: bytes.toString('base64') })).not.toEqual([]);
    }
  });

  it('has a fault when a stranger signed it, whichever key it names', () => {
    const theirs = stranger.sign(statementOf());
    expect(faultsOf(theirs)).not.toEqual([]);
    expect(faultsOf({ ...theirs, publicKey: signer.publicKey })).not.toEqual([]);
    const ours = signer.sign(statementOf());
    expect(faultsOf({ ...ours, publicKey: stranger.publicKey })).not.toEqual([]);
    expect(checkCertificates([ours], stranger.publicKey)).not.toEqual([]);
  });

  it('has a fault under a key of another kind, or none at all', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString();
    for (const key of [pem, 'no key']) {
      expect(checkCertificates([signer.sign(statementOf())], key)).not.toEqual([]);
      expect(checkCertificates([{ ...signer.sign(statementOf()), publicKey: key }])).not.toEqual([]);
    }
  });

  it('is signed by the same key on each start, and reads the same after it was stored as JSON', () => {
    expect(certificateSigner(masterKey).publicKey).toBe(signer.publicKey);
    fc.assert(
      fc.property(anyStatement, (body) => {
        const certificate = signer.sign(body);
        const [read] = parseCertificates(JSON.stringify(certificate));
        expect(read).toEqual(certificate);
        expect(faultsOf(read!)).toEqual([]);
      }),
    );
  });
});

describe('a certificate of a real erasure', () => {
  let models: FakeModels;
  let earshot: TestEarshot;
  beforeAll(async () => {
    models = await startFakeModels();
    earshot = await startEarshot({ models, dials: AT_ONCE });
  });
  afterAll(async () => {
    await earshot?.stop();
    await models?.stop();
  });

  it('holds nothing of what the customer is called or said, and none of the reason', async () => {
    await remember(earshot, models, WOBBEGONG);
    const { body } = await requestErasure(earshot, WOBBEGONG.customerId, 'a letter of the dandiprat');
    const { certificate } = await completed(earshot, body.erasureId);
    const text = JSON.stringify(certificate).toLowerCase();
    const personal = [...namesOf(WOBBEGONG), ...(await wordsOf(earshot, WOBBEGONG)), 'dandiprat'];
    expect(personal.filter((word) => text.includes(word.toLowerCase()))).toEqual([]);
    expect(certificate.statement.customerKey).toMatch(/^[0-9a-f]{32}$/);
    expect(checkCertificates([certificate], certificate.publicKey)).toEqual([]);
  });
});

describe('npm run verify-certificate', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'earshot-certificates-'));
    await writeFile(join(folder, 'ours.pem'), signer.publicKey);
    await writeFile(join(folder, 'theirs.pem'), stranger.publicKey);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** The command without a single setting. */
  async function verify(content: unknown, ...keys: string[]): Promise<{ code: number | null; output: string }> {
    const file = join(folder, 'file.json');
    await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
    return run(file, ...keys.map((name) => join(folder, name)));
  }

  async function run(...args: string[]): Promise<{ code: number | null; output: string }> {
    const child = spawn(process.execPath, ['workers/verify-certificate.ts', ...args], { cwd: PROJECT, env: {} });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, output };
  }

  it('ends with 0 for what is valid: one, a list, or an answer of the API', async () => {
    const chain = chainOf(signer, 3);
    for (const content of [
      chain[0],
      chain,
      { publicKey: signer.publicKey, certificates: chain },
      { certificate: chain[0] },
    ]) {
      expect(await verify(content, 'ours.pem')).toMatchObject({
        code: 0,
        output: expect.stringContaining('valid under the given key') as string,
      });
    }
    const own = await verify(chain);
    expect(own).toMatchObject({ code: 0, output: expect.stringContaining('compare it with the published') as string });
  });

  it('ends with 1 for what is not, and says what', async () => {
    const [first, , third] = chainOf(signer, 3);
    const { code, output } = await verify([first, third], 'ours.pem');
    expect(code).toBe(1);
    expect(output).toContain('certificate 2 of default is missing');
    expect((await verify(first, 'theirs.pem')).code).toBe(1);
    expect((await verify({ ...first, hash: '00'.repeat(32) }, 'ours.pem')).code).toBe(1);
  });

  it('ends with 2 for what it cannot read', async () => {
    expect((await run()).code).toBe(2);
    expect((await run(join(folder, 'absent.json'))).code).toBe(2);
    for (const content of ['{', '[]', '{}', { ...chainOf(signer, 1)[0], more: true }]) {
      expect((await verify(content)).code).toBe(2);
    }
    expect((await verify(chainOf(signer, 1), 'absent.pem')).code).toBe(2);
  });
});
