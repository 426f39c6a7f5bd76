/** @import { Ask, Now, Past, ServiceLevel } from '../contract.ts' */

/** Within what time the percentiles of stages are taken: long enough for a few calls. */
const LATELY = '15m';

/** Points of a line of the chart. */
const POINTS = 120;

/**
 * How it stands.
 *
 * @param {Ask} ask
 * @returns {Promise<Now>}
 */
export async function lookNow(ask) {
  const [health, violations, level, freshness, models, backlog] = await Promise.all([
    ask('/v1/health'),
    ask('/v1/quality-violations', 'open=true'),
    ask('/v1/sla', `window=${LATELY}`),
    ask('/v1/freshness', `window=${LATELY}`),
    ask('/v1/sources'),
    ask('/v1/backlog', 'window=1m&points=1'),
  ]);
  return { health, violations, level, freshness, models, backlog };
}

/**
 * What was promised and kept within a window.
 *
 * @param {Ask} ask
 * @param {string} window
 * @returns {Promise<ServiceLevel>}
 */
export function lookLevel(ask, window) {
  return ask('/v1/sla', `window=${window}`);
}

/**
 * How that came.
 *
 * @param {Ask} ask
 * @param {string} window
 * @returns {Promise<Past>}
 */
export async function lookPast(ask, window) {
  const [lag, backlog] = await Promise.all([
    ask('/v1/freshness/history', `window=${window}&points=${POINTS}`),
    ask('/v1/backlog', `window=${window}&points=${POINTS}`),
  ]);
  return { lag, backlog };
}
