import { chunkPassages, CHUNKER_VERSION, type Chunk } from './chunking.ts';
import { artifactIdOf, chunkIdOf } from './ids.ts';
import { TYPED_MODEL } from './logic.ts';
import { redactPassages } from './redact-passages.ts';
import { REDACTOR_VERSION } from './redaction.ts';
import { storableText } from './storable-text.ts';
import type { Passage } from './transcript.ts';

/** A chat message as it is searched. */
export interface MessageText {
  readonly artifactId: string;
  readonly content: readonly Passage[];
  readonly redactions: Readonly<Record<string, number>>;
  readonly redactorVersion: string;
  readonly chunkerVersion: string;
  readonly chunks: readonly (Chunk & { readonly chunkId: string })[];
}

/** Redacts and cuts a message: the same text of the same message always gives the same, live and replayed. */
export function messageText(interactionId: string, text: string): MessageText {
  const passage = {
    text: storableText(text),
    place: { kind: 'message' } as const,
    confidence: 1,
  };
  const { passages, counts } = redactPassages([passage]);
  const artifactId = artifactIdOf({
    interactionId,
    kind: 'message',
    piece: 0,
    model: TYPED_MODEL,
    modelVersion: '1',
    parameters: JSON.stringify({ redactor: REDACTOR_VERSION, chunker: CHUNKER_VERSION }),
  });
  return {
    artifactId,
    content: passages,
    redactions: counts,
    redactorVersion: REDACTOR_VERSION,
    chunkerVersion: CHUNKER_VERSION,
    chunks: chunkPassages(passages).map((chunk) => ({ ...chunk, chunkId: chunkIdOf(artifactId, chunk.ordinal) })),
  };
}
