import { ScheduleClient } from '@temporalio/client';
import { expect, it } from 'vitest';
import { checkCertificates } from '../../src/erasure/certificate.ts';
import { RESIDUE_SCHEDULE } from '../../src/temporal/schedules.ts';
import { startEarshot } from '../support/earshot.ts';
import { AT_ONCE, erase, findErasure } from '../support/erasures.ts';
import { startFakeModels } from '../support/fake-models.ts';
import { until } from '../support/until.ts';

it('certifies again, without the exception, once the maintenance window has rewritten what was postponed', async () => {
  const models = await startFakeModels();
  const earshot = await startEarshot({ models, dials: { ...AT_ONCE, 'erasure.rewrite_lock_max_ms': 0 } });
  try {
    const { body } = await earshot.message({ customerId: 'patient', text: 'a long goodbye' });
    await earshot.settled(body.interactionId, 'reachable');
    const { erasureId, certificate: first } = await erase(earshot, 'patient');
    const storesOf = (certificate: typeof first) => certificate.statement.exceptions.map(({ store }) => store);
    expect(storesOf(first)).toEqual(
      expect.arrayContaining(['postgres.chunk', 'postgres.artifact', 'postgres.embedding_v1']),
    );
    await earshot.request('PUT', '/v1/dials/erasure.window_lock_max_ms', { value: 60_000 });
    const schedules = new ScheduleClient({ connection: earshot.connection, namespace: earshot.namespace });
    const second = await until('the erasure is certified again', async () => {
      // Until the worker has read the dial, a run finds no window.
      await schedules.getHandle(RESIDUE_SCHEDULE).trigger();
      const { certificate } = await findErasure(earshot, erasureId);
      return certificate!.statement.sequence > first.statement.sequence && certificate!;
    });
    expect(storesOf(second)).toEqual(storesOf(first).filter((store) => !/chunk|artifact|embedding/.test(store)));
    expect(second.statement).toMatchObject({ erasureId, before: first.statement.before });
    expect(second.statement.residueClearedAt).not.toBeNull();
    expect(checkCertificates([first, second])).toEqual([]);
  } finally {
    await earshot.stop();
    await models.stop();
  }
});
