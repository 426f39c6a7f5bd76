import {
  findMediaRecord,
  storeRedactedMedia,
  type KeptAnswer,
  type MediaRecord,
  type RedactedMediaRow,
} from '../db/redacted-media.ts';
import { EarshotError } from '../domain/errors.ts';
import { hiddenBoxes } from '../domain/hidden-boxes.ts';
import { redactedMediaIdOf } from '../domain/ids.ts';
import { REDACTOR_VERSION } from '../domain/redaction.ts';
import { noteRun } from '../lineage/run-notes.ts';
import { maskPicture } from '../media/mask-picture.ts';
import { rawObjectKey } from '../raw-store/object-key.ts';
import { openObject, type MediaDependencies } from './dependencies.ts';
import { hiddenInSound, requireSilenceable, silenced, type PieceAnswer } from './redact-sound.ts';

/** Changes whenever the same spans would be hidden differently. */
export const MASKER_VERSION = 'silence-and-boxes-1';

/** The run that asks, for lineage. */
export interface Origin {
  readonly workflowId: string | null;
  readonly runId: string | null;
}

export interface RemadeMedia extends RedactedMediaRow {
  readonly customer_key: string;
}

interface Redacted {
  readonly bytes: Uint8Array;
  readonly hidden: readonly object[];
}

/**
 * The redacted copy of a record's recording or picture by the redactor, margins and transcripts of now: the one that is
 * there when it was made by them, else a new one, which takes its place. Idempotent.
 *
 * @throws EarshotError `no_redacted_copy` when none can be made that hides what must be hidden, `not_found` for a record
 * without media, `erased` for one that is not there any more.
 */
export async function remakeRedactedMedia(
  deps: MediaDependencies,
  tenant: string,
  interactionId: string,
  origin: Origin,
  signal: AbortSignal,
): Promise<RemadeMedia> {
  const record = await findMediaRecord(deps.database.forTenant(tenant).app, tenant, interactionId);
  if (record === undefined) throw new EarshotError('erased', `record ${interactionId} is not in the log`);
  if (record.raw_object === null) throw new EarshotError('not_found', 'this record has no recording and no picture');
  const isPicture = record.media_type.startsWith('image/');
  if (!isPicture) requireSilenceable(record);
  const parameters = parametersOf(deps, record, isPicture);
  const mediaId = redactedMediaIdOf(interactionId, JSON.stringify(parameters));
  const { customer_key: customerKey, current } = record;
  if (current?.media_id === mediaId) return { ...current, customer_key: customerKey };
  const made = await (isPicture ? redactPicture : redactSound)(deps, tenant, record, signal);
  const generation = record.key_generation;
  const sealedObject = rawObjectKey({ tenant, customerKey, generation, interactionId, name: `redacted-${mediaId}` });
  const sealed = await deps.keyRing.sealUnder({ tenant, customerKey, generation }, made.bytes, sealedObject);
  await deps.rawStore.put(sealedObject, sealed, signal);
  const replaced = await storeRedactedMedia(deps.database.forTenant(tenant), {
    mediaId,
    interactionId,
    kind: isPicture ? 'redacted_picture' : 'redacted_sound',
    redactorVersion: REDACTOR_VERSION,
    maskerVersion: MASKER_VERSION,
    parameters,
    hidden: made.hidden,
    mediaType: record.media_type,
    bytes: made.bytes.length,
    sealedObject,
    codeVersion: deps.codeVersion,
    ...origin,
  });
  if (replaced === undefined) {
    await deps.rawStore.delete(sealedObject, signal);
    throw new EarshotError('erased', `record ${interactionId} was captured before its customer's erasure`);
  }
  noteRun({
    read: { raw: 1 },
    made: { redacted_media: 1 },
    versions: { redactor: REDACTOR_VERSION, masker: MASKER_VERSION },
  });
  for (const key of replaced) if (key !== sealedObject) await deps.rawStore.delete(key, signal);
  const { media_type, customer_key } = record;
  return { media_id: mediaId, sealed_object: sealedObject, media_type, bytes: made.bytes.length, customer_key };
}

/** All that decides how a copy comes out: its identity. */
function parametersOf({ dials }: MediaDependencies, { answers }: MediaRecord, isPicture: boolean) {
  const margins = isPicture
    ? {
        marginPercent: dials.get('redaction.picture_margin_percent'),
        wholeLineBelow: dials.get('redaction.whole_line_below_confidence'),
      }
    : { marginMs: dials.get('redaction.sound_margin_ms') };
  const heard = answers.map(({ sealedObject, state }) => `${state} ${sealedObject.split('/').at(-1)}`);
  return { redactor: REDACTOR_VERSION, masker: MASKER_VERSION, ...margins, answers: [...new Set(heard)].sort() };
}

async function redactSound(
  deps: MediaDependencies,
  tenant: string,
  record: MediaRecord,
  signal: AbortSignal,
): Promise<Redacted> {
  const answers = await openAnswers(deps, tenant, record, signal);
  const hidden = hiddenInSound(record, answers, deps.dials.get('redaction.sound_margin_ms'));
  return { bytes: silenced(await openSource(deps, tenant, record, signal), hidden), hidden };
}

async function redactPicture(
  deps: MediaDependencies,
  tenant: string,
  record: MediaRecord,
  signal: AbortSignal,
): Promise<Redacted> {
  const answers = await openAnswers(deps, tenant, record, signal);
  if (!answers.some(({ state }) => state === 'active')) {
    throw new EarshotError('no_redacted_copy', 'the text of the picture was not read');
  }
  const margins = {
    percent: deps.dials.get('redaction.picture_margin_percent'),
    wholeLineBelow: deps.dials.get('redaction.whole_line_below_confidence'),
  };
  const hidden = answers.flatMap(({ passages }) => hiddenBoxes(passages, margins));
  const maxPixels = deps.dials.get('intake.image_max_pixels');
  const source = await openSource(deps, tenant, record, signal);
  return { bytes: await maskPicture(source, hidden, record.media_type, maxPixels), hidden };
}

/** Artifacts of several redactors share an answer, which is in service when one of them is. */
async function openAnswers(
  deps: MediaDependencies,
  tenant: string,
  { customer_key: customerKey, answers }: MediaRecord,
  signal: AbortSignal,
): Promise<PieceAnswer[]> {
  const byObject = new Map<string, KeptAnswer>();
  for (const answer of answers) {
    if (byObject.get(answer.sealedObject)?.state !== 'active') byObject.set(answer.sealedObject, answer);
  }
  const opened: PieceAnswer[] = [];
  for (const answer of byObject.values()) {
    const bytes = await openObject(deps, tenant, customerKey, answer.sealedObject, signal);
    opened.push({ ...(JSON.parse(bytes.toString()) as Omit<PieceAnswer, keyof KeptAnswer>), ...answer });
  }
  return opened;
}

async function openSource(
  deps: MediaDependencies,
  tenant: string,
  { customer_key: customerKey, raw_object: key, raw_bytes: length }: MediaRecord,
  signal: AbortSignal,
): Promise<Buffer> {
  const bytes = await openObject(deps, tenant, customerKey, key ?? '', signal);
  if (bytes.length === length) return bytes;
  throw new EarshotError('raw_object_corrupt', `${key}: ${bytes.length} bytes instead of ${length}`);
}
