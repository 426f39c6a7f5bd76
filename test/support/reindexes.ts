import type { Evidence, Shortfall } from '../../src/domain/index-version.ts';
import type { Answer, TestEarshot } from './earshot.ts';
import { holdRoute, type FakeModels } from './fake-models.ts';
import { until } from './until.ts';

export interface Version {
  readonly version: number;
  readonly workflowId: string;
  readonly model: string;
  readonly storage: string;
  readonly state: string;
  /** What recognises anew for it. */
  readonly replayId: string | null;
  readonly progress: { step?: string; added?: number; failed?: number; total?: number; paused?: boolean };
  /** The step that holds it back. */
  readonly heldBy: string | null;
  readonly evidence: Evidence | null;
  readonly removedAt: string | null;
  readonly rebuild: { recallBefore: number; recallAfter: number } | null;
  readonly failures: { chunkId: string; interactionId: string; code: string }[];
}

/** A problem that says in figures and lists what stands against it. */
export interface Problem {
  readonly type: string;
  readonly detail: string;
  readonly errors?: { field: string; message: string }[];
  readonly details?: {
    evidence?: Evidence;
    shortfalls?: Shortfall[];
    retired?: { version: number } | null;
    records?: { interactionId: string; state: string; reason: string }[];
  };
}

export function requestReindex(
  earshot: TestEarshot,
  body: Record<string, unknown>,
): Promise<Answer<Version & Problem>> {
  return earshot.request('POST', '/v1/reindex', body);
}

/** Asks for a version and waits until it has been measured. */
export async function buildVersion(earshot: TestEarshot, dimensions = 512): Promise<Version> {
  const { body, status } = await requestReindex(earshot, { embeddingModel: `fake-${dimensions}`, dimensions });
  if (status !== 202) throw new Error(`the request was answered with ${status}: ${JSON.stringify(body)}`);
  return ready(earshot, body.version);
}

export async function findVersion(earshot: TestEarshot, version: number): Promise<Version> {
  return (await earshot.request<Version>('GET', `/v1/index-versions/${version}`)).body;
}

/** Waits until a version has been filled and measured. */
export function ready(earshot: TestEarshot, version: number, deadlineMs = 60_000): Promise<Version> {
  return until(
    `version ${version} is ready`,
    async () => {
      const found = await findVersion(earshot, version).catch(() => undefined);
      return found?.progress?.step === 'ready' && found.evidence !== null && found;
    },
    deadlineMs,
  );
}

/** Asks for a version that is made from raw, and holds the model that recognises at its first recording. */
export async function reindexHeld(
  earshot: TestEarshot,
  models: FakeModels,
  body: Record<string, unknown>,
): Promise<{ version: number; replayId: string; held: ReturnType<typeof holdRoute> }> {
  const probe = holdRoute(models, 'transcriptions');
  const asked = requestReindex(earshot, { from: 'raw', acknowledge: true, ...body });
  await probe.arrived();
  probe.release();
  const held = holdRoute(models, 'transcriptions');
  const { version } = (await asked).body;
  await held.arrived();
  const replayId = await until('its replay is known', async () => (await findVersion(earshot, version)).replayId);
  return { version, replayId: replayId!, held };
}

export function tell(
  earshot: TestEarshot,
  version: number,
  order: 'activate' | 'pause' | 'resume' | 'cancel' | 'rebuild',
): Promise<Answer<Version & Problem>> {
  return earshot.request('POST', `/v1/index-versions/${version}/${order}`);
}

/** Tables of vectors that the catalogue has. */
export async function partitions(earshot: TestEarshot): Promise<string[]> {
  const rows = await earshot.database.query<{ relname: string }>(
    `select relname from pg_class where relkind = 'r' and relname ~ '^embedding_v' order by 1`,
  );
  return rows.map(({ relname }) => relname);
}
