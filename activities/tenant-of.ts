/** Null for a step that is asked for the whole deployment, as those of index versions are. */
export function tenantOf(request: unknown): string | null {
  if (typeof request !== 'object' || request === null) return null;
  if ('tenant' in request && typeof request.tenant === 'string') return request.tenant;
  return 'ref' in request ? tenantOf(request.ref) : null;
}
