import { createHash } from 'node:crypto';
import type { ArtifactKind } from './interaction.ts';

/** What decides what an artifact says, besides the raw record: two artifacts of equal logic say the same. */
export interface Logic {
  readonly model: string;
  /** Version of the instruction that the model was given; `none` where there is none. */
  readonly prompt: string;
  /** Further settings that decide the result, such as the size at which a picture is shown. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly redactor: string;
  readonly chunker: string;
}

/** Parts of logic, in the order in which they are named as reasons. */
export const LOGIC_PARTS = ['model', 'prompt', 'settings', 'redactor', 'chunker'] as const;
export type LogicPart = (typeof LOGIC_PARTS)[number];

/** The logic by which each kind is made now. */
export type CurrentLogic = Readonly<Record<ArtifactKind, Logic>>;

/** Prompt and model of what no model makes. */
export const NO_PROMPT = 'none';
export const TYPED_MODEL = 'typed';

/** Names a logic: equal logic has equal names. */
export function fingerprintOf(kind: ArtifactKind, logic: Logic): string {
  const parts = LOGIC_PARTS.map((part) => canonicalPart(logic, part));
  return shortHash(JSON.stringify([kind, ...parts]));
}

/** Version of a prompt: changes with each character. */
export function promptVersion(prompt: string): string {
  return shortHash(prompt);
}

/** Which parts of the logic that made an artifact have changed since; empty when it would be made the same again. */
export function staleReasons(made: Logic, current: Logic): LogicPart[] {
  return LOGIC_PARTS.filter((part) => canonicalPart(made, part) !== canonicalPart(current, part));
}

function canonicalPart(logic: Logic, part: LogicPart): string {
  const value = logic[part];
  if (typeof value === 'string') return value;
  return JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
