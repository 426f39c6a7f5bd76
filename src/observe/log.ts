import pino, { type Logger } from 'pino';
import { EarshotError } from '../domain/errors.ts';

/** What may be logged: ids, counts, times and settings. A field that is not listed is dropped, not masked. */
const ALLOWED = new Set([
  'activity', 'address', 'applied', 'attempt', 'channel', 'chunks', 'closedBy', 'code', 'erasureId', 'replayId', 'degraded', 'durationMs',
  'indexVersion', 'interactionId', 'messages', 'method', 'modality', 'model', 'pid', 'port', 'queue', 'queues', 'reason',
  'results', 'route', 'runId', 'sessionId', 'signal', 'status', 'tenant', 'tookMs', 'workflowId', 'error', 'rung', 'url',
  'step', 'minutes', 'source', 'quota',
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
  if (!(error instanceof Error)) return { code: 'unexpected', reason: typeof error };
  return { code: 'unexpected', reason: [error.name, codeOf(error), ...frames(error)].filter(Boolean).join(' ') };
}

/** Places in the code, which tell no data. */
function frames(error: Error): string[] {
  return (error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 4)
    .map((line) => line.trim());
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

export type { Logger } from 'pino';
