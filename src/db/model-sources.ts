import type { ModelSource, PauseCause, SourceState } from '../domain/model-source.ts';
import { only, run, type Queryable, type Statement } from './pools.ts';

export interface SourceRow extends SourceState {
  readonly changed_by: string | null;
  readonly changed_at: Date;
  readonly first_failed_at: Date | null;
  readonly last_failed_at: Date | null;
  readonly last_error: string | null;
  /** Until the next request may be sent: its endpoint asked to wait, or slots are taken. In milliseconds from now. */
  readonly closed_ms: number;
}

export async function listSources(db: Queryable): Promise<SourceRow[]> {
  const statement = {
    name: 'list_sources',
    text: `
      select
        source, state, cause, failures, changed_by, changed_at, first_failed_at, last_failed_at, last_error,
        (greatest(0, extract(epoch from greatest(free_at, '2000-01-01') - clock_timestamp())) * 1000)::float8 as closed_ms
      from model_source
      join model_slot using (source)
      order by source`,
  };
  return run<SourceRow>(db, statement, []);
}

/** Counts a failure of the endpoint. What fails while it is paused was sent before. */
export async function noteSourceFailure(db: Queryable, source: ModelSource, error: string): Promise<void> {
  const statement = {
    name: 'note_source_failure',
    text: `
      update model_source set
        failures = failures + 1,
        first_failed_at = coalesce(first_failed_at, clock_timestamp()),
        last_failed_at = clock_timestamp(),
        last_error = $2
      where source = $1 and state = 'running'`,
  };
  await run(db, statement, [source, error]);
}

/** Ends the row of failures. The last one stays to be read. */
export async function noteSourceAnswer(db: Queryable, source: ModelSource): Promise<void> {
  const statement = {
    name: 'note_source_answer',
    text: `
      update model_source set failures = 0, first_failed_at = null
      where source = $1 and state = 'running' and failures > 0`,
  };
  await run(db, statement, [source]);
}

/** When a source is asked by itself. */
export interface ProbeRules {
  /** A running one that has failed so often in a row, for so long. */
  readonly afterFailures: number;
  readonly afterMs: number;
  /** One that is paused for failures, so often; 0: never. */
  readonly everyMs: number;
  /** How long a probe may take: until then nobody else makes one. */
  readonly takesMs: number;
}

/** Claims the probe of a source, in whichever process; answers the state it is in, or undefined when none is due. */
export async function claimProbe(
  db: Queryable,
  source: ModelSource,
  { afterFailures, afterMs, everyMs, takesMs }: ProbeRules,
): Promise<SourceRow['state'] | undefined> {
  const statement = {
    name: 'claim_probe',
    text: `
      update model_source set probed_at = clock_timestamp()
      where source = $1 and (
        (state = 'running' and failures >= $2
          and first_failed_at <= clock_timestamp() - $3::double precision * interval '1 ms'
          and coalesce(probed_at, '-infinity') < clock_timestamp() - $5::double precision * interval '1 ms')
        or (state = 'paused' and cause = 'failures' and $4::double precision > 0
          and greatest(probed_at, changed_at) < clock_timestamp() - $4 * interval '1 ms'))
      returning state`,
  };
  const values = [source, afterFailures, afterMs, everyMs, takesMs];
  return (await run<{ state: SourceRow['state'] }>(db, statement, values))[0]?.state;
}

/** A change of state and its record, in one transaction; nothing where it does not apply. Answers whether it did. */
const change = (name: string, set: string, where: string): Statement => ({
  name,
  text: `
    with changed as (
      update model_source set ${set}, changed_by = $2, changed_at = clock_timestamp(), probed_at = null
      where source = $1 and ${where}
      returning source, state, cause, failures, changed_by
    ), noted as (
      insert into model_source_change (source, state, cause, failures, changed_by)
      select source, state, cause, failures, changed_by from changed
    )
    select exists (select from changed) as changed`,
});

const RUNNING = `state = 'running', cause = null, failures = 0, first_failed_at = null`;
const PAUSE_FAILING = change(
  'pause_failing',
  `state = 'paused', cause = 'failures'`,
  `state = 'running' and failures >= $3`,
);
const RESUME_PROBED = change('resume_probed', RUNNING, `state = 'paused' and cause = 'failures'`);
const PAUSE = change('pause_source', `state = 'paused', cause = 'operator'`, `cause is distinct from 'operator'`);
const RESUME = change('resume_source', RUNNING, `state = 'paused'`);

async function apply(db: Queryable, statement: Statement, values: unknown[]): Promise<boolean> {
  return only(await run<{ changed: boolean }>(db, statement, values)).changed;
}

/** Pauses a source whose failures go on, unless a good answer came meanwhile. */
export function pauseFailing(db: Queryable, source: ModelSource, afterFailures: number): Promise<boolean> {
  return apply(db, PAUSE_FAILING, [source, 'sweep', afterFailures]);
}

/** Resumes a source that was paused for failures and answers again. An operator's pause stays. */
export function resumeProbed(db: Queryable, source: ModelSource): Promise<boolean> {
  return apply(db, RESUME_PROBED, [source, 'probe']);
}

/** An operator's word: it also takes over a pause that nobody thought of. */
export function changeSource(
  db: Queryable,
  source: ModelSource,
  state: 'running' | 'paused',
  changedBy: string,
): Promise<boolean> {
  return apply(db, state === 'paused' ? PAUSE : RESUME, [source, changedBy]);
}

export interface SourceChangeRow {
  readonly source: ModelSource;
  readonly state: 'running' | 'paused';
  readonly cause: PauseCause | null;
  readonly failures: number;
  readonly changed_by: string;
  readonly changed_at: Date;
}

/** The last changes of each source, newest first. */
export async function listSourceChanges(db: Queryable, perSource: number): Promise<SourceChangeRow[]> {
  const statement = {
    name: 'list_source_changes',
    text: `
      select change.*
      from model_source s
      cross join lateral (
        select c.source, c.state, c.cause, c.failures, c.changed_by, c.changed_at
        from model_source_change c
        where c.source = s.source
        order by c.change_id desc
        limit $1
      ) as change`,
  };
  return run<SourceChangeRow>(db, statement, [perSource]);
}
