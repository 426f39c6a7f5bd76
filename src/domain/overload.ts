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
 * At the last step a live record is refused only where its own modality is overloaded: nobody gets faster by refusing
 * what nobody waits for. Whoever has a modality refused from an earlier step on refuses it whatever the overload is of.
 *
 * @param overloaded whether the record's modality is.
 * @param waiting records of the tenant that are not reachable yet; null when nobody has counted them.
 */
export function refusalOf(
  record: { readonly modality: Modality; readonly intakeClass: IntakeClass },
  step: PressureStep,
  overloaded: boolean,
  waiting: number | null,
  rules: RefusalRules,
): Refusal | undefined {
  const number = PRESSURE_STEPS.indexOf(step);
  const { modality, intakeClass } = record;
  if (intakeClass === 'bulk' && number >= rules.bulkAtStep) return 'bulk';
  const last = number === PRESSURE_STEPS.length - 1;
  switch (modality) {
    case 'audio':
      return isRefused(rules.audioAtStep) ? modality : undefined;
    case 'screenshot':
      return isRefused(rules.screenshotAtStep) ? modality : undefined;
    case 'chat':
      return last && overloaded && waiting !== null && waiting >= rules.chatAtWaiting ? modality : undefined;
  }

  function isRefused(atStep: number): boolean {
    return number >= atStep && (overloaded || atStep < PRESSURE_STEPS.length - 1);
  }
}
