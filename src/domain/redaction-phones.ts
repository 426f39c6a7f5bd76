import { findPhoneNumbersInText, parsePhoneNumberFromString, type CountryCode } from 'libphonenumber-js/max';
import { before, isLabelledId } from './redaction-context.ts';
import type { Span } from './redaction-span.ts';
import { beginsGroup, digitGroups, isCounting, type DigitRun } from './spoken-digits.ts';

/** Whose national numbers are taken without a country code; the first is the one for numbers without a label. */
const REGIONS: readonly CountryCode[] = ['US', 'GB', 'DE', 'FR', 'ES', 'IT', 'NL'];

const PHONE_LABEL =
  /\b(?:(?:tele)?phone|tel|cell|mobile|whatsapp|fax|ring|dial|handy|call(?:ed|ing)?(?:\s?back)?|callback|reach|text|contact|(?:my|his|her|our|the) (?:new )?number)\b[^\n]{0,24}$/i;

/** Numbers that libphonenumber finds by itself, international ones written with 00, labelled and spoken ones. */
export function phones(text: string, runs: readonly DigitRun[]): Span[] {
  return [...found(text), ...runs.flatMap((run) => numberInRun(text, run))];
}

/** Windows keep the search linear on adversarial text; they overlap by more than the longest number. */
const WINDOW = 2_000;
const OVERLAP = 100;

/** No number of any plan, country code included, has fewer digits. Most messages have none, and the search is slow. */
const MAY_HOLD_NUMBER = /(?:\p{Nd}\P{Nd}*){5}/u;

function found(text: string): Span[] {
  const spans: Span[] = [];
  for (let start = 0; start < text.length; start += WINDOW - OVERLAP) {
    const window = text.slice(start, start + WINDOW);
    if (!MAY_HOLD_NUMBER.test(window)) continue;
    for (const { startsAt, endsAt } of findPhoneNumbersInText(window, REGIONS[0])) {
      if (isLabelledId(text, start + startsAt) || isPartOfId(text, start + startsAt)) continue;
      spans.push({ start: start + startsAt, end: start + endsAt, type: 'phone' });
    }
  }
  return spans;
}

/** `INV-2026-000123`. */
function isPartOfId(text: string, start: number): boolean {
  return /[\p{L}\p{N}][-_]?$/u.test(text.slice(Math.max(0, start - 2), start));
}

const SHORTEST = 7;
const LONGEST = 15;

function numberInRun(text: string, run: DigitRun): Span[] {
  const start = run.starts[0]!;
  if (run.digits.length < SHORTEST || isLabelledId(text, start)) return [];
  if (isPartOfId(text, start)) return [];
  const labelled = PHONE_LABEL.test(before(text, start));
  for (let count = Math.min(LONGEST, run.digits.length); count >= SHORTEST; count--) {
    if (!beginsGroup(run, count) || isCounting(digitGroups(run, 0, count))) continue;
    if (!isPhone(run, count, labelled)) continue;
    const opening = /\+?\(?$/.exec(text.slice(Math.max(0, start - 2), start))?.[0].length ?? 0;
    return [{ start: start - opening, end: run.ends[count - 1]!, type: 'phone' }];
  }
  return [];
}

function isPhone(run: DigitRun, count: number, labelled: boolean): boolean {
  const digits = run.digits.slice(0, count);
  if (digits.startsWith('00')) return isValid(`+${digits.slice(2)}`);
  if (labelled) return REGIONS.some((region) => isValid(digits, region)) || isPossible(digits);
  const readOut = run.spelled || digitGroups(run, 0, count).every((group) => group.length === 1);
  return readOut && digits.length >= 10 && (isValid(digits, REGIONS[0]) || isPossible(digits));
}

function isValid(digits: string, region?: CountryCode): boolean {
  return parsePhoneNumberFromString(digits, region)?.isValid() === true;
}

/** Enough beside a label: people also give numbers that no plan has assigned. Without area code: seven digits. */
function isPossible(digits: string): boolean {
  const region = REGIONS[0]!;
  return digits.length === 10 && parsePhoneNumberFromString(digits, region)?.isPossible() === true;
}
