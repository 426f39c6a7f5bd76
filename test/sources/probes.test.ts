import { afterEach, expect, it, vi } from 'vitest';
import * as material from '../../src/canary/canary-material.ts';
import { EarshotError } from '../../src/domain/errors.ts';
import { endpointAnswers, type ProbedModels } from '../../src/sources/probes.ts';

vi.mock(import('../../src/canary/canary-material.ts'), { spy: true });
afterEach(() => vi.restoreAllMocks());

/** Models whose endpoint fails, or refuses, every request. */
function modelsThat(code: 'model_unavailable' | 'model_rejected'): ProbedModels {
  const fail = () => Promise.reject(new EarshotError(code, 'no'));
  return {
    embedding: () => ({ model: 'm', dimensions: 1, embed: fail }),
    speech: { model: 'm', transcribe: fail },
    vision: { model: 'm', prompts: { screen_text: '', caption: '' }, readText: fail, caption: fail },
  };
}

it.each(['embedding', 'speech', 'vision'] as const)(
  '%s answers also by refusing, and not by failing',
  async (source) => {
    expect(await endpointAnswers(modelsThat('model_rejected'), source)).toBe(true);
    expect(await endpointAnswers(modelsThat('model_unavailable'), source)).toBe(false);
  },
);

it('an endpoint is not taken for dead because what it would be asked with is missing here', async () => {
  vi.mocked(material.canaryRecording).mockRejectedValue(Object.assign(new Error('no such file'), { code: 'ENOENT' }));
  await expect(endpointAnswers(modelsThat('model_rejected'), 'speech')).rejects.toThrow('no such file');
});
