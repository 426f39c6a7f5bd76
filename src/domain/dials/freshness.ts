import { SECOND, DAY, type DialDefinition } from './definition.ts';

/** Within what time records are to be reachable, from capture. */
export const FRESHNESS_DIALS = {
  'freshness.chat_budget_ms': {
    defaultValue: 10 * SECOND,
    min: SECOND / 10,
    max: DAY,
    reason: 'A copilot is asked minutes after a chat: later than this the message is missing. Shorter warns of less.',
  },
  'freshness.screenshot_budget_ms': {
    defaultValue: 20 * SECOND,
    min: SECOND / 10,
    max: DAY,
    reason: 'Of a screenshot, which a vision model has to read first.',
  },
  'freshness.audio_budget_ms': {
    defaultValue: 180 * SECOND,
    min: SECOND / 10,
    max: DAY,
    reason: 'Of a recording or segment, from its end: speech recognition takes most of it.',
  },
} as const satisfies Record<string, DialDefinition>;
