import { z } from 'zod';
import { exposedAnswers, exposedViews } from '../../db/exposures.ts';
import { invalidField } from '../../domain/errors.ts';
import { nextCursor, pageAsked, pageOf, paging, type Place } from '../cursor.ts';
import { route } from '../route.ts';
import { externalId, time, uuid } from '../schemas.ts';

const shown = {
  interactionId: uuid,
  types: z.array(z.string()),
  shownBy: z.string(),
  hiddenBy: z.string(),
  hiddenAt: time,
};

const query = z.strictObject({
  interactionId: uuid.optional(),
  customerId: externalId.optional(),
  from: time.optional(),
  to: time.optional(),
  ...paging(1_000, 200),
});

export const getExposures = route({
  method: 'get',
  path: '/v1/exposures',
  scope: 'auditor',
  summary: 'See which past answers and views showed what a better redactor hides now, oldest first',
  query,
  status: 200,
  answer: z.object({
    answers: z.array(
      z.object({
        retrievalId: uuid,
        position: z.int(),
        askedAt: time,
        askedBy: z.string().nullable(),
        chunkId: uuid,
        ...shown,
      }),
    ),
    views: z.array(z.object({ viewId: uuid, viewedAt: time, viewedBy: z.string(), ...shown })),
    nextCursor,
  }),
  handle: async ({ deps, caller: { tenant }, query: given }) => {
    const { interactionId, customerId, from, to } = given as z.output<typeof query>;
    const { limit, after } = pageAsked(given);
    if (interactionId === undefined && customerId === undefined && from === undefined) {
      throw invalidField('from', 'is needed unless interactionId or customerId is given');
    }
    const search = {
      tenant,
      interactionId: interactionId ?? null,
      customerKey: customerId === undefined ? null : deps.ids.customerKey(tenant, customerId),
      from: from === undefined ? null : new Date(from),
      to: to === undefined ? null : new Date(to),
      after,
      limit: limit + 1,
    };
    const { reader } = deps.database.forTenant(tenant);
    const [answers, views] = await Promise.all([exposedAnswers(reader, search), exposedViews(reader, search)]);
    const places = [...new Map([...answers, ...views].map((row) => [row.id, row])).values()].sort(byPlace);
    const { page, nextCursor } = pageOf(places, limit, (place) => place);
    const listed = new Set(page.map(({ id }) => id));
    return {
      answers: answers
        .filter(({ id }) => listed.has(id))
        .map((row) => ({
          retrievalId: row.retrieval_id,
          position: row.position,
          askedAt: row.asked_at,
          askedBy: row.asked_by,
          chunkId: row.chunk_id,
          ...describe(row),
        })),
      views: views
        .filter(({ id }) => listed.has(id))
        .map((row) => ({
          viewId: row.view_id,
          viewedAt: row.viewed_at,
          viewedBy: row.viewed_by,
          ...describe(row),
        })),
      nextCursor,
    };
  },
});

/** As the database orders them: times and ids compare as their texts do. */
function byPlace(one: Place, other: Place): number {
  const [a, b] = [`${one.moment} ${one.id}`, `${other.moment} ${other.id}`];
  return a < b ? -1 : a > b ? 1 : 0;
}

function describe(row: {
  readonly interaction_id: string;
  readonly types: readonly string[];
  readonly shown_by: string;
  readonly hidden_by: string;
  readonly hidden_at: Date;
}) {
  return {
    interactionId: row.interaction_id,
    types: row.types,
    shownBy: row.shown_by,
    hiddenBy: row.hidden_by,
    hiddenAt: row.hidden_at,
  };
}
