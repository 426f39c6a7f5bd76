import { expect, it } from 'vitest';
import { CommonWords } from '../src/retrieval/common-words.ts';
import type { Queryable } from '../src/db/pools.ts';

const counted = { words: ['2', 'x', 'pay', 'invoic', 'happi', 'order'], chunks: [600, 500, 400, 300, 200, 100] };
const reader: Queryable = { query: () => Promise.resolve({ rows: [counted] }) };

it.each([
  ['plan 2 refund', { 2: 600 }],
  ['x', { x: 500 }],
  ['Paying invoices', { pay: 400, invoic: 300 }],
  ['happy, happiness and happily', { happi: 200 }],
  ['reorder', {}],
  ['', {}],
])('of "%s" the words are known to be common that it may be a form of', async (question, expected) => {
  const { words, chunks } = await new CommonWords().among(reader, 'default', question, 1_000);
  expect(Object.fromEntries(words.map((word, place) => [word, chunks[place]]))).toEqual(
    Object.fromEntries(Object.entries(expected)),
  );
});
