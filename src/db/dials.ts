import { run, type Queryable } from './pools.ts';

export interface DialRow {
  readonly name: string;
  readonly value: number;
  readonly changed_at: Date;
}

/** The dials that were moved from their defaults. */
export async function listDials(db: Queryable): Promise<DialRow[]> {
  return run<DialRow>(db, { name: 'list_dials', text: 'select name, value, changed_at from dial' }, []);
}

/** Moves a dial and records the change, in one transaction. */
export async function setDial(db: Queryable, name: string, value: number, changedBy: string): Promise<void> {
  const statement = {
    name: 'set_dial',
    text: `
      with changed as (
        insert into dial_change (name, old_value, new_value, changed_by)
        values ($1, (select value from dial where name = $1), $2, $3)
      )
      insert into dial (name, value)
      values ($1, $2)
      on conflict (name) do update set value = excluded.value, changed_at = now()`,
  };
  await run(db, statement, [name, value, changedBy]);
}
