import { AsyncLocalStorage } from 'node:async_hooks';
import type { DatasetKey } from './datasets.ts';

/** How sure a model was of what it recognised. */
export interface Confidences {
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly sum: number;
}

/** What a step did, in numbers and versions. */
export interface RunNotes {
  readonly read: Partial<Record<DatasetKey, number>>;
  readonly made: Partial<Record<DatasetKey, number>>;
  readonly versions: Record<string, string>;
  /** Tests that what was read has passed or failed, by name. */
  readonly assertions: { readonly dataset: DatasetKey; readonly assertion: string; readonly success: boolean }[];
  /** Rows by `postgres.<table>` and versions of objects by `raw.versions`. */
  readonly deleted: Record<string, number>;
  confidence?: Confidences;
}

const current = new AsyncLocalStorage<RunNotes>();

export function emptyNotes(): RunNotes {
  return { read: {}, made: {}, versions: {}, assertions: [], deleted: {} };
}

/** Runs a step whose notes are kept; they are filled also when the step fails. */
export function withNotes<T>(notes: RunNotes, step: () => Promise<T>): Promise<T> {
  return current.run(notes, step);
}

/** Notes what the current step has done; does nothing where nobody asked for it. */
export function noteRun(done: Partial<RunNotes>): void {
  const notes = current.getStore();
  if (notes !== undefined) addNotes(notes, done);
}

/** Adds what was done to what is noted. */
export function addNotes(notes: RunNotes, done: Partial<RunNotes>): void {
  addCounts(notes.read, done.read);
  addCounts(notes.made, done.made);
  addCounts(notes.deleted, done.deleted);
  Object.assign(notes.versions, done.versions);
  notes.assertions.push(...(done.assertions ?? []));
  if (done.confidence !== undefined) notes.confidence = addConfidences(notes.confidence, done.confidence);
}

function addCounts(to: Partial<Record<string, number>>, from: Partial<Record<string, number>> = {}): void {
  for (const [key, count = 0] of Object.entries(from)) to[key] = (to[key] ?? 0) + count;
}

function addConfidences(one: Confidences | undefined, other: Confidences): Confidences {
  if (one === undefined) return other;
  return {
    count: one.count + other.count,
    min: Math.min(one.min, other.min),
    max: Math.max(one.max, other.max),
    sum: one.sum + other.sum,
  };
}

/** Of the passages of one recognition; undefined when there are none. */
export function confidencesOf(passages: readonly { readonly confidence: number }[]): Confidences | undefined {
  if (passages.length === 0) return undefined;
  const all = passages.map(({ confidence }) => confidence);
  return {
    count: all.length,
    min: Math.min(...all),
    max: Math.max(...all),
    sum: all.reduce((sum, each) => sum + each, 0),
  };
}
