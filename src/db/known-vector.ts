/**
 * Joins to each chunk `c` the vector, as text in `known.vector`, that an index version has of the same text of the same
 * customer under the same generation of the customer's key; null where there is none. Never of another version: when a
 * model's fault is mended by a new version, that version must not inherit it.
 */
export function knownVector(indexVersion: string): string {
  return `
      left join lateral (
        select e.embedding::text as vector
        from tenant_chunk k
        join embedding e on e.index_version = ${indexVersion} and e.tenant = $1 and e.chunk_id = k.chunk_id
        join interaction i on i.tenant = $1 and i.interaction_id = k.interaction_id
        join interaction own on own.tenant = $1 and own.interaction_id = c.interaction_id
        where k.tenant = $1 and k.customer_key = c.customer_key and k.chunk_id <> c.chunk_id
          and hashtextextended(k.text, 0) = hashtextextended(c.text, 0) and k.text = c.text
          and i.key_generation = own.key_generation
        limit 1
      ) as known on true`;
}
