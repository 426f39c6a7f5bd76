import { z } from 'zod';
import { findInteractions } from '../../db/records.ts';
import { EarshotError } from '../../domain/errors.ts';
import { retrieveBatch } from '../../retrieval/retrieve-batch.ts';
import { route } from '../route.ts';
import { uuid } from '../schemas.ts';
import { describeInteraction, interactionAnswer } from './operations.ts';
import { answerBody, questionBody, questionOf } from './retrieval.ts';

/** @throws EarshotError `too_large` with the field that has more than it may. */
function holdTo(field: string, items: readonly unknown[], most: number): void {
  if (items.length <= most) return;
  const message = `must have at most ${most}`;
  throw new EarshotError('too_large', `${field}: ${message}`, { fields: [{ field, message }] });
}

export const postRetrieveBatch = route({
  method: 'post',
  path: '/v1/retrieve/batch',
  scope: 'copilot',
  summary: 'Ask several questions at once, which share one request for their vectors; each is answered or fails alone',
  body: z.strictObject({ questions: z.array(questionBody).min(1) }),
  status: 200,
  answer: z.object({
    answers: z.array(
      z.object({
        answer: answerBody.nullable(),
        error: z.object({ code: z.string(), detail: z.string() }).nullable(),
      }),
    ),
  }),
  handle: async ({ deps, caller, body: { questions } }) => {
    holdTo('questions', questions, deps.dials.get('retrieval.batch_max_questions'));
    const asked = questions.map((each) => questionOf(deps, caller, each));
    return { answers: await retrieveBatch(deps, asked) };
  },
});

export const postInteractions = route({
  method: 'post',
  path: '/v1/interactions/batch',
  scope: 'copilot',
  summary: 'See where several records stand, in the order of their ids; null for an id that names none',
  body: z.strictObject({ interactionIds: z.array(uuid).min(1) }),
  status: 200,
  answer: z.object({ interactions: z.array(interactionAnswer.nullable()) }),
  handle: async ({ deps, caller: { tenant }, body: { interactionIds } }) => {
    holdTo('interactionIds', interactionIds, deps.dials.get('interactions.batch_max_ids'));
    const { reader } = deps.database.forTenant(tenant);
    const version = deps.indexVersions.live().index_version;
    const rows = await findInteractions(reader, tenant, interactionIds, version);
    const lateAfterMs = deps.dials.get('late.after_ms');
    return { interactions: rows.map((row) => describeInteraction(row, lateAfterMs) ?? null) };
  },
});
