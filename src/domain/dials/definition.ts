/** One tuned constant. The unit is the end of its name; `reason` says what too little and too much would break. */
export interface DialDefinition {
  readonly defaultValue: number;
  readonly min: number;
  readonly max: number;
  readonly reason: string;
}

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const MEBIBYTE = 1024 * 1024;
