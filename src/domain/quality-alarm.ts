/** How often something was recognised and how often a check held it back, now and before. */
export interface Rates {
  readonly recognitions: number;
  readonly failed: number;
  readonly baselineRecognitions: number;
  readonly baselineFailed: number;
}

export interface AlarmRules {
  /** Recognitions within the window from which a share means something. */
  readonly minRecognitions: number;
  readonly minShare: number;
  /** How many times the share of the baseline. */
  readonly factor: number;
}

export function shareOf(failed: number, recognitions: number): number {
  return recognitions === 0 ? 0 : failed / recognitions;
}

/** Whether a check holds back far more than it used to. Without a past its share was 0. */
export function isOdd(rates: Rates, { minRecognitions, minShare, factor }: AlarmRules): boolean {
  if (rates.recognitions < minRecognitions) return false;
  if (rates.failed < minShare * rates.recognitions) return false;
  // Products of counts, not quotients: what is three times as much must not fail by a rounding.
  return rates.failed * rates.baselineRecognitions >= factor * rates.baselineFailed * rates.recognitions;
}
