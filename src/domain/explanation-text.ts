import type { Explanation } from './explanation.ts';

/** An explanation as one sentence in plain English: ids, counts, codes and times. */
export function sentenceOf({ verdict, details }: Explanation): string {
  const given = (name: string) => inWords(details[name]);
  const progress = details['progress'] as { done: number; total: number } | undefined;
  const at = `at stage ${given('stage')}, ${progress?.done} of ${progress?.total} pieces done, queue ${given('queue')}`;
  switch (verdict) {
    case 'shown':
      return `It was in the answer, at position ${given('position')}.`;
    case 'reachable':
      return `It is reachable since ${given('reachableAt')}; ask with a query to see where it ranks.`;
    case 'ranked':
      return ranked(details, given);
    case 'filtered':
      return `The question’s own filters hide it: ${given('filters')}.`;
    case 'redacted':
      return `What was asked for was removed from it as personal data: ${given('types')}.`;
    case 'reachable_later':
      return `It became reachable at ${given('reachableAt')}, ${given('laterMs')} ms after the question; then it was: ${given('stageThen')}.`;
    case 'in_the_log':
      return `It is in the log and within its budget: ${at}.`;
    case 'behind':
      return `It has waited ${given('waitedMs')} ms of a budget of ${given('budgetMs')} ms: ${at}.`;
    case 'processed_not_indexed':
      return 'Its text was made, but its vectors are not all there: only words can find it.';
    case 'indexed_not_reachable':
      return 'It is in the index, but the read path does not return it.';
    case 'quarantined':
      return `It was held back by the check ${given('check')}, with confidence ${given('confidence')}.`;
    case 'failed':
      return `It could not be processed: ${given('code')} (${given('detail')}).`;
    case 'superseded':
      return `Its text was taken out of service at ${given('withdrawnAt')}.`;
    case 'version_dropped':
      return `It is reachable since ${given('reachableAt')}, but the vectors of index version ${given('indexVersion')}, which answered then, were dropped since: nothing tells whether they found it; its rank in words is ${given('textRank')}.`;
    case 'erased':
      return 'It was erased.';
    case 'not_captured':
      return 'No such record was ever accepted of this customer.';
  }
}

function ranked({ rank, k }: Explanation['details'], given: (name: string) => string): string {
  const places = `in words ${given('textRank')}, in vectors ${given('vectorRank')}`;
  if (rank === null) return `It is reachable, but not among the candidates of the question (${places}).`;
  const beyond = Number(rank) > Number(k) ? `, and the answer had ${given('k')}` : '';
  return `It ranks ${given('rank')} of ${given('of')} (${places})${beyond}.`;
}

function inWords(value: unknown): string {
  if (value === null || value === undefined) return 'unknown';
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'string' || typeof value === 'number' ? String(value) : JSON.stringify(value);
}
