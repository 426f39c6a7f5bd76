/** Every workflow that a worker can run. */
export { call } from './call.ts';
export { canary } from './canary.ts';
export { conversation } from './conversation.ts';
export { decideQuarantined } from './decide-quarantined.ts';
export { dropSuperseded } from './drop-superseded.ts';
export { eraseCustomer } from './erase-customer.ts';
export { reevaluateQuality } from './reevaluate-quality.ts';
export { redoCaptions } from './redo-captions.ts';
export { replay } from './replay.ts';
export { reconcile } from './reconcile.ts';
export { maintainIndexVersions } from './maintain-index-versions.ts';
export { reindex } from './reindex.ts';
export { residueWindow } from './residue-window.ts';
export { retention } from './retention.ts';
export { rollup } from './rollup.ts';
export { screenshot } from './screenshot.ts';
export { verifyErasure } from './verify-erasure.ts';
