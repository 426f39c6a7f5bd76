import type { Modality } from './interaction.ts';
import { PRESSURE_STEPS, type PressureStep } from './pressure.ts';
import type { IntakeClass } from './work-class.ts';

/** From which step on what is refused, by its number; one beyond the last step is never. */
export interface RefusalRules {
  readonly bulkAtStep: number;
  readonly audioAtStep: number;
  readonly screenshotAtStep: number;
  /** Chat is refused at the last step alone, and only when so many records wait. */
  readonly chatAtWaiting: number;
}

/** What is refused: everything of a class, or of a modality. */
export type Refusal = 'bulk' | Modality;

/**
 * Which refusal a record falls under at a step; undefined when it is taken. History goes first, then what is large and
 * slow; chat stays until even the log cannot take more.
 *
 * @param waiting records of the tenant that are not reachable yet; null when nobody has counted them.
 */
export function refusalOf(
  record: { readonly modality: Modality; readonly intakeClass: IntakeClass },
  step: PressureStep,
  waiting: number | null,
  rules: RefusalRules,
): Refusal | undefined {
  const number = PRESSURE_STEPS.indexOf(step);
  const { modality, intakeClass } = record;
  if (intakeClass === 'bulk' && number >= rules.bulkAtStep) return 'bulk';
  switch (modality) {
    case 'audio':
      return number >= rules.audioAtStep ? modality : undefined;
    case 'screenshot':
      return number >= rules.screenshotAtStep ? modality : undefined;
    case 'chat': {
      const last = number === PRESSURE_STEPS.length - 1;
      return last && waiting !== null && waiting >= rules.chatAtWaiting ? modality : undefined;
    }
  }
}
