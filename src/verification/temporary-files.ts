import { sqlStateOf, type OwnerConnection } from '../db/owner.ts';
import type { StoreCounts } from '../domain/erasure.ts';
import type { ErasedSubject } from './subject.ts';

/** Temporary files that the database wrote before the erasure and still has: spilled sorts may hold rows of anyone. */
export async function countTemporaryFiles(
  owner: OwnerConnection,
  { erasedBefore }: ErasedSubject,
): Promise<StoreCounts> {
  try {
    const { rows } = await owner.query<{ count: number }>(
      'select count(*)::integer as count from pg_ls_tmpdir() where modification < $1',
      [erasedBefore],
    );
    return { 'postgres.temporary_files': rows[0]!.count };
  } catch (error) {
    // A managed database may not let its owner look.
    if (sqlStateOf(error) === '42501') return {};
    throw error;
  }
}
