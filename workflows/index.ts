/** Every workflow that a worker can run. */
export { call } from './call.ts';
export { conversation } from './conversation.ts';
export { eraseCustomer } from './erase-customer.ts';
export { residueWindow } from './residue-window.ts';
export { retention } from './retention.ts';
export { screenshot } from './screenshot.ts';
export { verifyErasure } from './verify-erasure.ts';
