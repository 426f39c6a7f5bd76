/**
 * The erasure fence, as every write that derives from a record goes through it: the customer's row is locked "for
 * share", so that an eraser who holds it is waited for, and read as the eraser left it; only a record that was captured
 * after the watermark, under the customer's present key, is let through. `$1` is the tenant.
 */

/**
 * Whether the fence lets a row `record` with `captured_at` and `key_generation` through. Statements that only read join
 * the customer's row as `subject`, without a lock.
 */
export function admits(record: string, subject = 'fence'): string {
  return `${record}.captured_at > coalesce(${subject}.erased_before, '-infinity')
          and ${record}.key_generation = ${subject}.key_generation`;
}

/** The CTEs `record` and `fence` of one record. */
export function fenceOfRecord(interactionId: string): string {
  return `
      record as materialized (
        select interaction_id, session_id, customer_key, modality, author, captured_at, accepted_at, key_generation
        from interaction
        where tenant = $1 and interaction_id = ${interactionId}::uuid
      ), ${fenceOfCustomer('(select customer_key from record)')}`;
}

/** The CTE `fence` of one customer. */
export function fenceOfCustomer(customerKey: string): string {
  return `fence as materialized (
        select erased_before, key_generation
        from subject
        where tenant = $1 and customer_key = ${customerKey}
        for share
      )`;
}

/** The CTE `fence` of several customers, locked in one order so that two statements cannot wait for each other. */
export function fenceOfCustomers(customerKeys: string): string {
  return `fence as materialized (
        select customer_key, erased_before, key_generation
        from subject
        where tenant = $1 and customer_key in (${customerKeys})
        order by customer_key
        for share
      )`;
}
