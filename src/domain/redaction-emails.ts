import validator from 'validator';
import { before } from './redaction-context.ts';
import type { Span } from './redaction-span.ts';
import { spokenDigitRuns } from './spoken-digits.ts';

/** Addresses as written, as a screen's recognition spaces them, and as said: "jane dot doe at example dot com". */
export function emails(text: string): Span[] {
  return [...written(text), ...said(text)];
}

/** Bounded runs on either side of the @ keep the search linear. */
const WRITTEN =
  /[\p{L}\p{N}._%+'-]{1,64}(?: \. [\p{L}\p{N}_%+-]{1,64}){0,3}\s?@\s?[\p{L}\p{N}-]{1,63}(?:(?:\.| \. )[\p{L}\p{N}-]{1,63}){1,5}/gu;

function written(text: string): Span[] {
  if (!text.includes('@')) return [];
  return [...text.matchAll(WRITTEN)].flatMap((match): Span[] => {
    const opening = /^['.]*/.exec(match[0])![0].length;
    const address = match[0].slice(opening).replace(/\s/g, '');
    if (!validator.isEmail(address)) return [];
    return [{ start: match.index + opening, end: match.index + match[0].length, type: 'email' }];
  });
}

const TOP_LEVEL = new Set(
  (
    'com net org edu gov io co uk de fr es it nl be at ch se no dk fi pl cz pt ie us ca au nz in jp cn br mx eu info biz me ' +
    'app dev tv ai cloud example test'
  ).split(' '),
);
const PROVIDER =
  /^(?:gmail|googlemail|yahoo|outlook|hotmail|icloud|live|msn|aol|gmx|web|proton(?:mail)?|posteo|mail)\b/i;
/** The part from the "at" on. */
const AT_DOMAIN =
  /(?:\bat\b|\(at\)|\[at\])\s{0,2}((?:[a-z0-9-]{1,40}\s?(?:\bdot\b|\bpoint\b|\bperiod\b|\(dot\)|\[dot\]|\.)\s?){1,3}[a-z]{2,10})\b/gi;
const LABEL =
  /\b(?:e-?mail|mail|address|it's|it is|its|that's|that is|that would be|write to|(?:send|sent) (?:it |this )?to)\b/i;

function said(text: string): Span[] {
  return [...text.matchAll(AT_DOMAIN)].flatMap((match): Span[] => {
    const length = domainLength(match[0]);
    if (length === undefined) return [];
    const start = localStart(text, match.index);
    if (start === undefined) return [];
    const local = text.slice(start, match.index).trim();
    const certain = /[^a-z]/i.test(local) || !/^at$/i.test(match[0].slice(0, 2));
    if (!certain && !PROVIDER.test(match[1]!) && !LABEL.test(before(text, start))) return [];
    return [{ start, end: match.index + length, type: 'email' }];
  });
}

const ENDING = new RegExp(
  String.raw`(?:\bdot\b|\bpoint\b|\bperiod\b|\(dot\)|\[dot\]|\.)\s?(?:${[...TOP_LEVEL].join('|')})\b`,
  'gi',
);

/** Up to the last top-level domain: the first word of the next sentence follows a dot too. */
function domainLength(domain: string): number | undefined {
  const last = [...domain.matchAll(ENDING)].at(-1);
  return last === undefined ? undefined : last.index + last[0].length;
}

const CONNECTORS = new Set('. - _ + dot underscore dash hyphen period point plus (dot) [dot]'.split(' '));
/** No mailbox is called like this, and many sentences have one of them before "at". */
const NOT_LOCAL = new Set(
  (
    'look looking meet me us it him her them is are was were be order ordered buy bought shop visit available see online here store only up ' +
    "down my email mail address to and or so yes okay page site website account not write send that this work working it's that's"
  ).split(' '),
);
/** How far back an address may begin. */
const LONGEST_LOCAL = 80;

/**
 * Walks back over the words of the local part: one word, and more where connectors, digits or single letters join them.
 */
function localStart(text: string, at: number): number | undefined {
  const from = Math.max(0, at - LONGEST_LOCAL);
  const words = [...text.slice(from, at).matchAll(/\S+/g)];
  let start: number | undefined;
  let following = '';
  for (const { 0: written, index } of words.reverse()) {
    const word = written.toLowerCase().replace(/,$/, '');
    if (NOT_LOCAL.has(word) || /[:;!?,]$/.test(written)) break;
    const joins = CONNECTORS.has(word) || CONNECTORS.has(following) || isPiece(following) || isInitial(word);
    if (start !== undefined && !joins) break;
    start = from + index;
    following = word;
  }
  return start;
}

/** A single letter that is no word. */
function isInitial(word: string): boolean {
  return /^[b-hj-z]$/.test(word);
}

/** A single letter or a number: it hardly stands alone before "at". */
function isPiece(word: string): boolean {
  return /^(?:[a-z]|\d+)$/.test(word) || spokenDigitRuns(word).some(({ ends }) => ends.at(-1) === word.length);
}
