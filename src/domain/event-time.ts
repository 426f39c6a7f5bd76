import type { Place } from './interaction.ts';

/** What the times of a record's passages count from. */
export interface TimeOrigin {
  readonly captured_at: Date;
  /** When the call of a recording began; null for others. */
  readonly session_started_at: Date | null;
}

/** When something was said or shown: the end of its passage in a call, else the time of capture. */
export function eventTimeOf({ captured_at, session_started_at }: TimeOrigin, place: Place): Date {
  if (place.kind !== 'time') return captured_at;
  return new Date((session_started_at ?? captured_at).getTime() + place.endMs);
}

/**
 * The place of a segment's passage within its call. A segment that came before an earlier one was placed when the
 * beginning of the call was not known: its time is told from its event time, which is its end, and from the beginning as
 * it is known now; null for what is no segment.
 */
export function placeInCall(place: Place, eventTime: Date, begun: Date | null): Place {
  if (place.kind !== 'time' || begun === null) return place;
  const endMs = eventTime.getTime() - begun.getTime();
  return { kind: 'time', startMs: endMs - (place.endMs - place.startMs), endMs };
}
