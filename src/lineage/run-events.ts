import { DATASET_FIELDS, FIELD_ORIGINS, type DatasetKey, type DatasetName } from './datasets.ts';
import { FACET_SCHEMAS, type FacetName } from './facets.ts';
import type { LineageJob } from './jobs.ts';
import type { RunNotes } from './run-notes.ts';

/** OpenLineage 2-0-2, the part that is sent. */
export interface RunEvent {
  readonly eventType: 'START' | 'COMPLETE' | 'FAIL' | 'ABORT';
  readonly eventTime: string;
  readonly producer: string;
  readonly schemaURL: string;
  readonly run: { readonly runId: string; readonly facets: Facets };
  readonly job: { readonly namespace: string; readonly name: string; readonly facets: Facets };
  readonly inputs?: readonly object[];
  readonly outputs?: readonly object[];
}

type Facets = Readonly<Record<string, object>>;

/** One attempt of a step. A retry is a run of its own, as OpenLineage's life cycle asks: FAIL ends a run. */
export interface LineageRun {
  /** Null: of the whole deployment. */
  readonly tenant: string | null;
  readonly runId: string;
  readonly jobName: string;
  readonly job: LineageJob;
  /** The workflow that asked for it, if one did. */
  readonly parent?: { readonly runId: string; readonly jobName: string };
}

const RUN_EVENT = 'https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent';

/** Writes the events of a deployment: nothing in them is of a customer, and no id names a record. */
export class RunEvents {
  readonly #producer: string;
  readonly #codeVersion: string;
  readonly #nameOf: (table: string) => DatasetName;

  constructor(codeVersion: string, nameOf: (table: string) => DatasetName) {
    this.#producer = `urn:earshot:producer:${encodeURIComponent(codeVersion)}`;
    this.#codeVersion = codeVersion;
    this.#nameOf = nameOf;
  }

  started(run: LineageRun, at = new Date()): RunEvent {
    return this.#event('START', run, at, {});
  }

  completed(run: LineageRun, notes: RunNotes): RunEvent {
    const versions = { code: this.#codeVersion, ...notes.versions };
    return {
      ...this.#event('COMPLETE', run, new Date(), { ...this.#facet('earshot_versions', { versions }) }),
      inputs: run.job.reads.map((key) => this.#input(key, notes)),
      outputs: [
        ...run.job.writes
          .filter((key) => key !== 'raw' || notes.made.raw !== 0)
          .map((key) => this.#output(key, run.job, notes)),
        ...this.#deletions(notes),
      ],
    };
  }

  /** @param code of src/domain/errors.ts; nothing else of an error is told. */
  failed(run: LineageRun, code: string): RunEvent {
    const error = { message: code, programmingLanguage: 'TypeScript' };
    return this.#event('FAIL', run, new Date(), this.#facet('errorMessage', error));
  }

  aborted(run: LineageRun): RunEvent {
    return this.#event('ABORT', run, new Date(), {});
  }

  #event(eventType: RunEvent['eventType'], run: LineageRun, at: Date, facets: Facets): RunEvent {
    const { jobName, job, parent, runId } = run;
    const namespace = run.tenant === null ? 'earshot' : `earshot/${run.tenant}`;
    const engine = { name: 'Earshot', version: this.#codeVersion };
    return {
      eventType,
      eventTime: at.toISOString(),
      producer: this.#producer,
      schemaURL: RUN_EVENT,
      run: {
        runId,
        facets: {
          ...this.#facet('processing_engine', engine),
          ...(parent === undefined
            ? {}
            : this.#facet('parent', { run: { runId: parent.runId }, job: { namespace, name: parent.jobName } })),
          ...facets,
        },
      },
      job: {
        namespace,
        name: jobName,
        facets: this.#facet('jobType', {
          processingType: job.processing,
          integration: 'EARSHOT',
          jobType: parent === undefined ? 'REQUEST' : 'ACTIVITY',
        }),
      },
    };
  }

  #input(key: DatasetKey, { read, assertions }: RunNotes): object {
    const tests = assertions.filter(({ dataset }) => dataset === key);
    return {
      ...this.#nameOf(key),
      facets: this.#schema(key),
      inputFacets: {
        ...(read[key] === undefined ? {} : this.#facet('inputStatistics', countOf(key, read[key]))),
        ...(tests.length === 0
          ? {}
          : this.#facet('dataQualityAssertions', {
              assertions: tests.map(({ assertion, success }) => ({ assertion, success })),
            })),
      },
    };
  }

  #output(key: DatasetKey, job: LineageJob, { made, confidence }: RunNotes): object {
    const metrics = key === 'artifact' && confidence !== undefined ? confidence : undefined;
    return {
      ...this.#nameOf(key),
      facets: {
        ...this.#schema(key),
        ...this.#columnLineage(key, job),
        ...(metrics === undefined
          ? {}
          : this.#facet('dataQualityMetrics', {
              rowCount: made.artifact ?? 0,
              columnMetrics: { confidence: metrics },
            })),
      },
      outputFacets: this.#facet('outputStatistics', countOf(key, made[key] ?? 0)),
    };
  }

  #deletions({ deleted }: RunNotes): object[] {
    return Object.entries(deleted).map(([store, rowCount]) => {
      const table = store.startsWith('postgres.') ? store.slice('postgres.'.length) : 'raw';
      return { ...this.#nameOf(table), facets: this.#facet('earshot_deletion', { rowCount }) };
    });
  }

  #schema(key: DatasetKey): Facets {
    const fields = Object.entries(DATASET_FIELDS[key]).map(([name, type]) => ({ name, type }));
    return this.#facet('schema', { fields });
  }

  #columnLineage(key: DatasetKey, { reads, writes }: LineageJob): Facets {
    const origins = FIELD_ORIGINS[key]?.filter(
      ({ from }) => reads.includes(from.dataset) || inRun(from.dataset, writes),
    );
    if (origins === undefined || origins.length === 0) return {};
    const fields = Object.groupBy(origins, ({ field }) => field);
    return this.#facet('columnLineage', {
      fields: Object.fromEntries(
        Object.entries(fields).map(([field, from = []]) => [
          field,
          {
            inputFields: from.map((origin) => ({
              ...this.#nameOf(origin.from.dataset),
              field: origin.from.field,
              transformations: [
                {
                  type: 'DIRECT',
                  subtype: 'TRANSFORMATION',
                  description: origin.description,
                  masking: origin.masking,
                },
              ],
            })),
          },
        ]),
      ),
    });
  }

  #facet(name: FacetName, content: object): Facets {
    return { [name]: { _producer: this.#producer, _schemaURL: FACET_SCHEMAS[name], ...content } };
  }
}

/** What a run writes first and then reads itself: an artifact that it cuts, a message that it redacts. */
function inRun(dataset: DatasetKey, writes: readonly DatasetKey[]): boolean {
  return dataset !== 'raw' && writes.includes(dataset);
}

function countOf(key: DatasetKey, count: number): object {
  return key === 'raw' ? { fileCount: count } : { rowCount: count };
}
