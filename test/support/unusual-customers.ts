import type { TestEarshot } from './earshot.ts';
import type { Needle } from './byte-scan.ts';
import type { FakeModels } from './fake-models.ts';
import { picture } from './pictures.ts';
import { tone } from './sound.ts';

/** A customer in whose records are words that no file of a server has by itself. */
export interface UnusualCustomer {
  readonly customerId: string;
  readonly conversationId: string;
  readonly card: string;
  readonly chat: readonly string[];
  readonly call: readonly string[];
  readonly screen: readonly string[];
}

export const WOBBEGONG: UnusualCustomer = {
  customerId: 'wobbegong-4711',
  conversationId: 'xanthippe-conversation',
  card: '4539148803436467',
  chat: ['flibbertigibbets', 'snollygosters', 'grünschnabelhaft'],
  call: ['widdershins', 'collywobbles'],
  screen: ['gardylooing', 'taradiddles'],
};
export const QUOKKA: UnusualCustomer = {
  customerId: 'quokka-0815',
  conversationId: 'zanzibar-conversation',
  card: '4485275742308327',
  chat: ['bumbershoots'],
  call: ['lollygaggers'],
  screen: ['kerfuffling'],
};

const chatText = ({ chat, card }: UnusualCustomer) => `the ${chat.join(' ')} on my card ${card}`;

/** A text so long that it is stored out of line, in which each of the words comes many times. */
const longText = (words: readonly string[]) =>
  Array.from({ length: 100 }, (_, index) => `the ${words[index % words.length]} that came as item ${index}`).join(' ');

/** One record of each modality, asked for once; answers their workflow ids. */
export async function remember(earshot: TestEarshot, models: FakeModels, customer: UnusualCustomer): Promise<string[]> {
  const { customerId, conversationId, call, screen } = customer;
  const at = new Date(Date.now() - 60_000).toISOString();
  models.transcript = longText(call);
  models.screenLines = Array.from({ length: 40 }, (_, index) => `${screen[index % screen.length]} line ${index}`);
  models.caption = `A page about ${screen.join(' and ')}.`;
  const named = { callId: conversationId, customerId, startedAt: at };
  const shown = { screenshotId: conversationId, customerId, capturedAt: at };
  const accepted = [
    await earshot.message({ customerId, conversationId, messageId: `${customerId}-1`, text: chatText(customer) }),
    await earshot.upload('/v1/calls', 'audio', tone(10), named),
    await earshot.upload('/v1/screenshots', 'image', await picture(), shown),
  ];
  for (const { body } of accepted) await earshot.settled(body.interactionId, 'reachable');
  await earshot.retrieve({ query: chatText(customer), customerId });
  return accepted.map(({ body }) => body.workflowId);
}

/** Who the customer is and pays with: sealed wherever it is kept. */
export function namesOf({ customerId, conversationId, card }: UnusualCustomer): string[] {
  return [customerId, conversationId, card];
}

/** What the customer said, and what the search index keeps of it: stems, which are other words. */
export async function wordsOf(earshot: TestEarshot, customer: UnusualCustomer): Promise<string[]> {
  const words = [...customer.chat, ...customer.call, ...customer.screen];
  const rows = await earshot.database.query<{ stem: string }>(
    `select unnest(tsvector_to_array(to_tsvector('english', $1))) as stem`,
    [words.join(' ')],
  );
  return [...new Set([...words, ...rows.map(({ stem }) => stem)])];
}

/** The vectors of the customer's texts, as pgvector stores them: what was said can be guessed back from them. */
export async function vectorsOf(earshot: TestEarshot, workflowIds: readonly string[]): Promise<Needle[]> {
  const rows = await earshot.database.query<{ vector: string }>(
    `select e.embedding::text as vector
     from embedding e
     join chunk c on c.tenant = e.tenant and c.chunk_id = e.chunk_id
     join session s on s.tenant = c.tenant and s.session_id = c.session_id
     where s.workflow_id = any($1)`,
    [workflowIds],
  );
  return rows.map(({ vector }, index) => {
    const bytes = Buffer.from(Float32Array.from(JSON.parse(vector) as number[]).buffer);
    // Without the zeros at its ends, of which files are full.
    const [first, last] = [bytes.findIndex((byte) => byte !== 0), bytes.findLastIndex((byte) => byte !== 0)];
    return { name: `vector ${index}`, bytes: bytes.subarray(first, last + 1) };
  });
}
