import { indexVersionAt, indexVersionNumbered } from '../db/as-of.ts';
import { listIndexVersions, type IndexVersionRow } from '../db/index-versions.ts';
import type { Database } from '../db/pools.ts';
import type { ErasedSince } from '../db/surroundings.ts';
import { EarshotError } from '../domain/errors.ts';

/** What an answer about the past says of itself. */
export interface AsOf {
  readonly at: Date;
  /** The index version that answered then, and its model. */
  readonly indexVersion: number;
  readonly model: string;
  /** Records erased since, at most that many of which could have been found then. They stay out. */
  readonly erased: number;
  readonly note: string;
}

/** The version that answers: the live one, from the database because it may change while the process runs; or that of then. */
export async function versionFor(database: Database, asOf: Date | null): Promise<IndexVersionRow> {
  const version =
    asOf === null
      ? (await listIndexVersions(database.deployment)).find(({ state }) => state === 'live')
      : await indexVersionAt(database.deployment, asOf);
  if (version === undefined) throw new EarshotError('misconfigured', 'there is no live index version');
  return version;
}

/** The version that a recorded answer was found in, whichever the clock says was live then. */
export async function recordedVersion(database: Database, indexVersion: number): Promise<IndexVersionRow> {
  const version = await indexVersionNumbered(database.deployment, indexVersion);
  if (version === undefined) throw new EarshotError('misconfigured', `there is no index version ${indexVersion}`);
  return version;
}

/** @param version the one that was searched. */
export function describePast(at: Date, version: IndexVersionRow, { erased, by_age: byAge }: ErasedSince): AsOf {
  const sentences = [
    erased === 0
      ? 'Nothing was erased on request since.'
      : `${records(erased)} erased on request since and left out; which of them could be found then is not known any more.`,
    ...(byAge === 0 ? [] : [`${records(byAge)} of the whole memory erased by age since and left out.`]),
    ...(version.state === 'dropped'
      ? [`The vectors of index version ${version.index_version} were dropped since: only words were searched.`]
      : []),
  ];
  return { at, indexVersion: version.index_version, model: version.model, erased, note: sentences.join(' ') };
}

function records(count: number): string {
  return count === 1 ? '1 record was' : `${count} records were`;
}
