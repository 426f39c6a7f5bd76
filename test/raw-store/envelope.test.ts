import fc from 'fast-check';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createDataKey, open, seal, unwrapDataKey } from '../../src/raw-store/envelope.ts';
import { rawObjectKey } from '../../src/raw-store/object-key.ts';

const masterKey = randomBytes(32);
const owner = { tenant: 'default', customerKey: 'a'.repeat(32), generation: 1 };
const { dataKey, wrapped } = createDataKey(masterKey, owner);

describe('a sealed blob', () => {
  it('opens to what was sealed, with the wrapped key of its customer', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.string(), (bytes, context) => {
        const opened = open(unwrapDataKey(masterKey, wrapped, owner), seal(dataKey, bytes, context), context);
        expect(Buffer.compare(opened, Buffer.from(bytes))).toBe(0);
      }),
    );
  });

  it('does not open when any bit is changed', () => {
    const blob = seal(dataKey, Buffer.from('a secret'), 'place');
    for (let bit = 0; bit < blob.length * 8; bit++) {
      const changed = Buffer.from(blob);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => open(dataKey, changed, 'place')).toThrow();
    }
  });

  it('does not open in another place, cut short, or with another key', () => {
    const blob = seal(dataKey, Buffer.from('a secret'), 'place');
    expect(() => open(dataKey, blob, 'elsewhere')).toThrow();
    expect(() => open({ generation: 1, bytes: randomBytes(32) }, blob, 'place')).toThrow();
    for (let length = 0; length < blob.length; length++)
      expect(() => open(dataKey, blob.subarray(0, length), 'place')).toThrow();
  });
});

describe('a wrapped data key', () => {
  it('names EARSHOT_MASTER_KEY when it is not the one that wrapped', () => {
    expect(() => unwrapDataKey(randomBytes(32), wrapped, owner)).toThrow('EARSHOT_MASTER_KEY');
  });

  it('belongs to one customer and generation', () => {
    expect(() => unwrapDataKey(masterKey, wrapped, { ...owner, customerKey: 'b'.repeat(32) })).toThrow();
    expect(() => unwrapDataKey(masterKey, wrapped, { ...owner, generation: 2 })).toThrow();
  });
});

describe('the key of a raw object', () => {
  const parts = {
    tenant: 'default',
    customerKey: 'a'.repeat(32),
    generation: 2,
    interactionId: '80c45102-85bf-8bd7-b391-c02718fe19de',
    name: 'source-00ff',
  };

  it('puts all of a customer under one prefix, and all that a key seals under the next', () => {
    expect(rawObjectKey(parts)).toBe(`default/${'a'.repeat(32)}/g2/80c45102-85bf-8bd7-b391-c02718fe19de/source-00ff`);
  });

  it.each([{ tenant: '../x' }, { customerKey: 'a/b' }, { interactionId: '..' }, { name: 'a/../../b' }, { name: '' }])(
    'refuses %o',
    (wrong) => {
      expect(() => rawObjectKey({ ...parts, ...wrong })).toThrow();
    },
  );
});
