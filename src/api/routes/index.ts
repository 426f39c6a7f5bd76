import type { RouteSpec } from '../route.ts';
import { getBacklog, getBacklogProgress } from './backlog.ts';
import { postCall, postCallEnd, postSegment } from './calls.ts';
import { endChat, postMessage } from './chats.ts';
import { getExport } from './customers.ts';
import { getExposures } from './exposures.ts';
import { getMedia, getViews, postOriginalMedia, postOriginalText } from './media.ts';
import { getImpact, getInteractionLineage, getLineage } from './lineage.ts';
import { getRetrieval, postRetrieve } from './retrieval.ts';
import { postInteractions, postRetrieveBatch } from './batches.ts';
import {
  activateIndexVersion,
  cancelIndexVersion,
  getIndexVersion,
  getIndexVersionProgress,
  getIndexVersions,
  pauseIndexVersion,
  postReindex,
  rebuildIndexVersion,
  resumeIndexVersion,
} from './index-versions.ts';
import { getDials, getFreshness, getInteraction, putDial } from './operations.ts';
import { cancelErasure, getCertificates, getErasure, getErasures, postErasure, postVerification } from './erasures.ts';
import { getCoverage, getHealth, getViolations } from './health.ts';
import { deleteHold, getHolds, putHold } from './legal-holds.ts';
import { getSchema, getSchemas } from './schemas.ts';
import {
  cancelReplay,
  getLogic,
  getReplay,
  getReplayProgress,
  getReplays,
  pauseReplay,
  postReplay,
  resumeReplay,
} from './replays.ts';
import { getQuality, getRollups } from './quality.ts';
import {
  discardQuarantined,
  getQuarantine,
  getQuarantinedContent,
  getReevaluation,
  reevaluate,
  releaseQuarantined,
} from './quarantine.ts';
import { getCallTranscript, getChatTranscript } from './transcripts.ts';
import { getReconciliation, getReconciliations, postReconciliation } from './reconciliations.ts';
import { postScreenshot } from './screenshots.ts';
import { getCustomerRecords } from './customer-records.ts';
import { getLagHistory } from './lag-history.ts';
import { getServiceLevel } from './service-level.ts';
import { getSources, pauseSource, resumeSource } from './sources.ts';
import { postExplain } from './explain.ts';
import { deleteTenantQuota, getTenants, putTenantQuota } from './tenants.ts';
import { getFailures, resolveFailure, resolveFailures } from './failures.ts';

/** Every route that needs a key: what the server mounts, the OpenAPI document describes and the tests walk through. */
export const ROUTES: readonly RouteSpec[] = [
  postMessage,
  endChat,
  postCall,
  postSegment,
  postCallEnd,
  postScreenshot,
  postRetrieve,
  getRetrieval,
  getInteraction,
  getLineage,
  getFreshness,
  getLagHistory,
  getBacklog,
  getBacklogProgress,
  getDials,
  putDial,
  getIndexVersions,
  getIndexVersion,
  getIndexVersionProgress,
  postReindex,
  activateIndexVersion,
  pauseIndexVersion,
  resumeIndexVersion,
  cancelIndexVersion,
  rebuildIndexVersion,
  postErasure,
  getErasures,
  getErasure,
  cancelErasure,
  postVerification,
  getCertificates,
  putHold,
  deleteHold,
  getHolds,
  getExport,
  getSchemas,
  getSchema,
  getInteractionLineage,
  getImpact,
  getLogic,
  postReplay,
  getReplays,
  getReplay,
  getReplayProgress,
  pauseReplay,
  resumeReplay,
  cancelReplay,
  getChatTranscript,
  getCallTranscript,
  getQuarantine,
  getQuarantinedContent,
  releaseQuarantined,
  discardQuarantined,
  reevaluate,
  getReevaluation,
  getQuality,
  getRollups,
  getMedia,
  postOriginalMedia,
  postOriginalText,
  getViews,
  getExposures,
  postExplain,
  getCustomerRecords,
  getFailures,
  resolveFailures,
  resolveFailure,
  getHealth,
  getCoverage,
  getViolations,
  postReconciliation,
  getReconciliations,
  getReconciliation,
  getSources,
  pauseSource,
  resumeSource,
  getServiceLevel,
  postRetrieveBatch,
  postInteractions,
  getTenants,
  putTenantQuota,
  deleteTenantQuota,
];
