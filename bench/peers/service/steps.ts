import pg from 'pg';
import { embeddingIdOf, keyedIds } from '../../../src/domain/ids.ts';
import { messageText } from '../../../src/domain/message-text.ts';
import { vectorLiteral } from '../../../src/db/embeddings.ts';
import { openAiEmbedding } from '../../../src/models/embedding.ts';
import { openModelEndpoint } from '../../../src/models/openai-client.ts';
import type { ChatMessage } from '../messages.ts';
import type { Settings } from './settings.ts';
import { UPSERT } from './upsert.ts';

/** A passage of a message, redacted, under derived ids: a second run writes the same rows. */
export interface Passage {
  readonly interactionId: string;
  readonly artifactId: string;
  readonly sessionId: string;
  readonly customerKey: string;
  readonly author: string;
  readonly sentAt: string;
  readonly chunkId: string;
  readonly ordinal: number;
  readonly text: string;
  readonly place: string;
  readonly chunkerVersion: string;
}

/** A passage with its vector in base64 of 32-bit floats: a quarter of JSON's bytes, for engines that store results. */
export interface EmbeddedPassage extends Passage {
  readonly vector: string;
}

/** Runs one statement: a pool, a connection, or a transaction that an engine owns. */
export type Execute = (text: string, values: unknown[]) => Promise<unknown>;

/** The work that every engine runs, in Earshot's own code where Earshot has it. */
export interface Steps {
  /** The name under which a message is known, whoever sends it again. */
  idOf(message: ChatMessage): string;
  redact(message: ChatMessage): Passage[];
  /** One request for all of them. */
  embed(passages: readonly Passage[]): Promise<EmbeddedPassage[]>;
  /** One statement for all of them; repeating it changes nothing. */
  upsert(passages: readonly EmbeddedPassage[], execute?: Execute): Promise<void>;
  close(): Promise<void>;
}

/** The tenant and the index version of the template database. */
const TENANT = 'default';
const INDEX_VERSION = 1;

/** As many as Earshot's pool has. */
const CONNECTIONS = 10;

const EMBED_TIMEOUT_MS = 30_000;

export function openSteps(settings: Settings): Steps {
  const { EMBEDDING_MODEL: model, EMBEDDING_DIMENSIONS: dimensions } = settings;
  const endpoint = openModelEndpoint({ baseUrl: settings.OPENAI_BASE_URL, apiKey: settings.OPENAI_API_KEY });
  const embedding = openAiEmbedding(endpoint, model, dimensions);
  const ids = keyedIds(settings.EARSHOT_CUSTOMER_SECRET);
  const pool = new pg.Pool({ connectionString: settings.DATABASE_URL, max: CONNECTIONS });
  pool.on('error', () => undefined);
  const idOf = ({ conversationId, messageId }: ChatMessage) =>
    ids.interactionId(TENANT, 'message', JSON.stringify([conversationId, messageId]));
  return {
    idOf,
    redact: (message) => {
      const interactionId = idOf(message);
      const { artifactId, chunks, chunkerVersion } = messageText(interactionId, message.text);
      return chunks.map(({ chunkId, ordinal, text, place }) => ({
        interactionId,
        artifactId,
        sessionId: ids.sessionId(TENANT, 'chat', message.conversationId),
        customerKey: ids.customerKey(TENANT, message.customerId),
        author: message.author,
        sentAt: message.sentAt,
        chunkId,
        ordinal,
        text,
        place: JSON.stringify(place),
        chunkerVersion,
      }));
    },
    embed: async (passages) => {
      const texts = passages.map(({ text }) => text);
      const vectors = await embedding.embed(texts, AbortSignal.timeout(EMBED_TIMEOUT_MS));
      return passages.map((passage, index) => ({ ...passage, vector: packed(vectors[index]!) }));
    },
    upsert: async (passages, execute) => {
      const values = upsertValues(passages, model);
      await (execute === undefined ? pool.query({ ...UPSERT, values }) : execute(UPSERT.text, values));
    },
    close: () => pool.end(),
  };
}

function upsertValues(passages: readonly EmbeddedPassage[], model: string): unknown[] {
  const column = <Key extends keyof EmbeddedPassage>(key: Key) => passages.map((passage) => passage[key]);
  return [
    TENANT,
    INDEX_VERSION,
    model,
    column('chunkId'),
    column('artifactId'),
    column('interactionId'),
    column('sessionId'),
    column('customerKey'),
    column('ordinal'),
    column('author'),
    column('text'),
    column('place'),
    column('sentAt'),
    column('chunkerVersion'),
    passages.map(({ vector }) => vectorLiteral(unpacked(vector))),
    passages.map(({ chunkId }) => embeddingIdOf(chunkId, INDEX_VERSION)),
  ];
}

function packed(vector: readonly number[]): string {
  return Buffer.from(Float32Array.from(vector).buffer).toString('base64');
}

function unpacked(vector: string): number[] {
  const bytes = Buffer.from(vector, 'base64');
  return [...new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))];
}
