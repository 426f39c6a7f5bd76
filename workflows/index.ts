/** Every workflow that a worker can run. */
export { call } from './call.ts';
export { conversation } from './conversation.ts';
export { dropSuperseded } from './drop-superseded.ts';
export { eraseCustomer } from './erase-customer.ts';
export { replay } from './replay.ts';
export { residueWindow } from './residue-window.ts';
export { retention } from './retention.ts';
export { screenshot } from './screenshot.ts';
export { verifyErasure } from './verify-erasure.ts';
