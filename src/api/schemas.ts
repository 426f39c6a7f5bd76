import { extendZodWithOpenApi } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { INTERACTION_STATES, MODALITIES } from '../domain/interaction.ts';

extendZodWithOpenApi(z);

/** An id as a channel gives it: any text without control characters. */
export const externalId = z
  .string()
  .min(1)
  .max(200)
  .regex(/^\P{Cc}+$/u, 'must not have control characters');

export const time = z.iso.datetime({ offset: true, message: 'must be a time of RFC 3339 with an offset' });
export const uuid = z.guid();
export const modality = z.enum(MODALITIES);

export const accepted = z.object({ interactionId: uuid, workflowId: z.string() }).openapi('Accepted');

const milliseconds = z.number().nullable();

export const stageTimes = z
  .object({
    ingestMs: milliseconds,
    streamMs: milliseconds,
    transformMs: milliseconds,
    indexMs: milliseconds,
    totalMs: milliseconds,
  })
  .openapi('StageTimes');

export const place = z
  .union([
    z.object({ kind: z.literal('message') }),
    z.object({ kind: z.literal('picture') }),
    z.object({ kind: z.literal('time'), startMs: z.number(), endMs: z.number() }),
    z.object({ kind: z.literal('box'), x: z.number(), y: z.number(), width: z.number(), height: z.number() }),
  ])
  .openapi('Place');

export const state = z.enum(INTERACTION_STATES);

export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    detail: z.string(),
    errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
    details: z.looseObject({}).optional(),
  })
  .openapi('Problem');
