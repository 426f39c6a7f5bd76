import { z } from 'zod';

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A stretch of time up to now, such as `90s`, `1h` or `7d`. */
export function windowAsked(unlessAsked: string): z.ZodDefault<z.ZodString> {
  return z
    .string()
    .regex(/^\d{1,4}[smhd]$/, 'must be a number and s, m, h or d')
    .default(unlessAsked);
}

export function windowMsOf(window: string): number {
  return Number(window.slice(0, -1)) * UNITS[window.slice(-1)]!;
}

/** Into how many stretches a window is divided, at the most. */
export function pointsAsked(unlessAsked: number): z.ZodDefault<z.ZodString> {
  return z
    .string()
    .regex(/^\d{1,4}$/, 'must be a number up to 2000')
    .refine((text) => Number(text) >= 1 && Number(text) <= 2_000, 'must be a number up to 2000')
    .default(String(unlessAsked));
}

/**
 * How long the stretches are, so that what is asked of one window at once stands at the same moments: no shorter than what
 * lies between two samples of the backlog.
 */
export function stretchMsOf(windowMs: number, points: number, sampleIntervalMs: number): number {
  return Math.max(Math.ceil(windowMs / points), sampleIntervalMs, 1);
}
