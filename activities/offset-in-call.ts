import type { RecordRow } from '../src/db/artifacts.ts';

/** A segment's places count from the start of its call: by how many milliseconds it begins later. */
export function offsetInCall({
  started_at,
  session_started_at,
}: Pick<RecordRow, 'started_at' | 'session_started_at'>): number {
  return started_at === null || session_started_at === null ? 0 : started_at.getTime() - session_started_at.getTime();
}
