/** The kinds of personal data that are replaced by `[CARD]`, `[EMAIL]` and so on. */
export type PiiType = 'card' | 'iban' | 'email' | 'national_id' | 'phone' | 'name';

/** Where a value stood in the text before redaction, in UTF-16 units. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly type: PiiType;
}
