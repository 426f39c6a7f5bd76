/** How a record came in. A `call` arrives as one recording or as segments while it goes on. */
export type Channel = 'chat' | 'call' | 'screenshot';

/** What a record is made of; freshness budgets are kept per modality. */
export type Modality = 'chat' | 'audio' | 'screenshot';
export const MODALITIES = ['chat', 'audio', 'screenshot'] as const satisfies readonly Modality[];

export const MODALITY_OF: Readonly<Record<Channel, Modality>> = {
  chat: 'chat',
  call: 'audio',
  screenshot: 'screenshot',
};

/**
 * Where a record stands. `accepted`: durable, nobody has taken it. `processing`: taken. `reachable`: a probe of the
 * read path has returned it. `quarantined`: processed, held back for a reason. `failed`: cannot be processed.
 */
export const INTERACTION_STATES = ['accepted', 'processing', 'reachable', 'quarantined', 'failed', 'erased'] as const;
export type InteractionState = (typeof INTERACTION_STATES)[number];

export type Author = 'customer' | 'agent' | 'bot';

/** Where in its source a text was found. Times are milliseconds from the start of the call, boxes pixels of the picture. */
export type Place =
  | { readonly kind: 'message' }
  | { readonly kind: 'time'; readonly startMs: number; readonly endMs: number }
  | { readonly kind: 'box'; readonly x: number; readonly y: number; readonly width: number; readonly height: number }
  | { readonly kind: 'picture' };

export type ArtifactKind = 'message' | 'transcript' | 'screen_text' | 'caption';
