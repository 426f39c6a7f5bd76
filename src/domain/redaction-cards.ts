import validator from 'validator';
import { isLabelledId } from './redaction-context.ts';
import type { Span } from './redaction-span.ts';
import { beginsGroup, digitGroups, isCounting, type DigitRun } from './spoken-digits.ts';

const SHORTEST_CARD = 13;
/** In digits, the usual first: a longer one may reach into the number that follows. */
const LENGTHS = [16, 15, 14, 19, 18, 17, SHORTEST_CARD];
/**
 * Issuers add ranges faster than any list of brands: what passes Luhn and has a usual length is taken for a card too, or
 * any length where it begins as those of Maestro do, which validator does not know.
 */
const UNKNOWN_BRAND = /^(?:[3-6]\d{14,15}|(?:5[0678]|6\d)\d{11,17})$/;

/** Card numbers by brand and check digit, as figures or as words, with anything people put between digits. */
export function cards(text: string, runs: readonly DigitRun[]): Span[] {
  return runs.filter(({ digits }) => digits.length >= SHORTEST_CARD).flatMap((run) => cardsInRun(text, run));
}

function cardsInRun(text: string, run: DigitRun): Span[] {
  const spans: Span[] = [];
  const passesLuhn = luhnWindows(run.digits);
  for (let first = 0; first + SHORTEST_CARD <= run.digits.length; first++) {
    // A number begins and ends where a group of figures does: order numbers hold card numbers by chance.
    if (!beginsGroup(run, first) || !/[2-6]/.test(run.digits[first]!)) continue;
    const count = LENGTHS.find((length) => passesLuhn(first, length) && isCard(text, run, first, length));
    if (count === undefined) continue;
    spans.push({ start: run.starts[first]!, end: run.ends[first + count - 1]!, type: 'card' });
    first += count - 1;
  }
  return spans;
}

/** What may stand directly before: a plus begins a phone number, one or two letters belong to a hexadecimal id. */
const OF_A_PHONE_OR_HEX = /\+$|(?:^|[^\p{L}])\p{L}{1,2}$/u;
const OF_HEX = /^\p{L}{1,2}(?!\p{L})/u;
const COORDINATE = /^\d{1,3}\.\d{4}/;

function isCard(text: string, run: DigitRun, first: number, count: number): boolean {
  if (!beginsGroup(run, first + count)) return false;
  const digits = run.digits.slice(first, first + count);
  const start = run.starts[first]!;
  const end = run.ends[first + count - 1]!;
  if (!validator.isCreditCard(digits) && !isUnknownBrand(digits, text, start)) return false;
  if (OF_A_PHONE_OR_HEX.test(text.slice(Math.max(0, start - 3), start))) return false;
  if (OF_HEX.test(text.slice(end, end + 3)) || COORDINATE.test(text.slice(start, start + 10))) return false;
  return !isCounting(digitGroups(run, first, count));
}

function isUnknownBrand(digits: string, text: string, start: number): boolean {
  return UNKNOWN_BRAND.test(digits) && validator.isLuhnNumber(digits) && !isLabelledId(text, start);
}

/**
 * Luhn sums of all windows from two running sums, so that long runs of digits stay cheap; validator decides afterwards.
 */
function luhnWindows(digits: string): (first: number, count: number) => boolean {
  const sums = [new Uint32Array(digits.length + 1), new Uint32Array(digits.length + 1)] as const;
  for (let index = 0; index < digits.length; index++) {
    const digit = Number(digits[index]);
    const doubled = digit > 4 ? digit * 2 - 9 : digit * 2;
    for (const parity of [0, 1] as const) {
      sums[parity][index + 1] = sums[parity][index]! + (index % 2 === parity ? digit : doubled);
    }
  }
  return (first, count) => {
    if (first + count > digits.length) return false;
    const sum = sums[((first + count - 1) % 2) as 0 | 1];
    return (sum[first + count]! - sum[first]!) % 10 === 0;
  };
}
