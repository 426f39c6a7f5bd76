import pino, { type Logger } from 'pino';
import { EarshotError } from '../domain/errors.ts';

/** What may be logged: ids, counts, times and settings. A field that is not listed is dropped, not masked. */
const ALLOWED = new Set([
  'activity', 'address', 'applied', 'attempt', 'channel', 'chunks', 'closedBy', 'code', 'degraded', 'durationMs',
  'indexVersion', 'interactionId', 'messages', 'method', 'modality', 'model', 'pid', 'port', 'queue', 'queues', 'reason',
  'results', 'route', 'runId', 'sessionId', 'signal', 'status', 'tenant', 'tookMs', 'workflowId', 'error', 'rung', 'url',
]); // prettier-ignore

/** Structured logs on standard output, one JSON object a line. */
export function openLog(level: string): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: {
      level: (label) => ({ level: label }),
      log: (fields) => Object.fromEntries(Object.entries(fields).filter(([name]) => ALLOWED.has(name))),
    },
  });
}

/** An error as it may be logged: foreign messages are left out, for they may quote what was being processed. */
export function errorForLog(error: unknown): { code: string; reason: string } {
  if (error instanceof EarshotError) return { code: error.code, reason: error.message };
  return { code: 'unexpected', reason: error instanceof Error ? `${error.name} ${codeOf(error)}`.trim() : typeof error };
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

export type { Logger } from 'pino';
