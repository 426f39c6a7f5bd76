import type { RemakeActivities, ReplayActivities, SupersededActivities } from '../../src/domain/activities.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { dropSuperseded } from './drop-superseded.ts';
import { remakeRecord } from './remake.ts';
import { moveTo, nextReplayPage, noteReplayPage, openReplay } from './walk.ts';

/** Making one record anew, on every queue that has a model for it. */
export function remakeActivities(deps: ActivityDependencies): RemakeActivities {
  return { remakeRecord: (request) => withHeartbeat((signal) => remakeRecord(deps, request, signal)) };
}

/** The steps of a replay's walk, and what cleans up after replays, on the queue that nobody waits for. */
export function replayActivities(deps: ActivityDependencies): ReplayActivities & SupersededActivities {
  return {
    openReplay: (replay) => withHeartbeat(() => openReplay(deps, replay)),
    nextReplayPage: (replay) => withHeartbeat(() => nextReplayPage(deps, replay)),
    noteReplayPage: (done) => noteReplayPage(deps, done),
    noteReplayState: (request) => moveTo(deps, request),
    dropSuperseded: () => withHeartbeat((signal) => dropSuperseded(deps, signal)),
  };
}
