import validator from 'validator';
import { before, isLabelledId } from './redaction-context.ts';
import type { Span } from './redaction-span.ts';
import type { DigitRun } from './spoken-digits.ts';

/** National ids whose shape tells them from order numbers, and any that validator accepts after a label. */
export function nationalIds(text: string, runs: readonly DigitRun[]): Span[] {
  return [...unlabelled(text), ...socialSecurityNumbers(text, runs), ...labelled(text)];
}

/** US social security number, UK national insurance number, German tax id, Spanish DNI. */
const UNLABELLED: readonly { pattern: RegExp; decide: (id: string) => boolean }[] = [
  { pattern: /(?<![\w-])(?!000|666|9\d\d)\d{3}[- ](?!00)\d{2}[- ](?!0000)\d{4}(?![\w-])/g, decide: () => true },
  {
    pattern: /\b[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b/gi,
    decide: (id) => validator.isTaxID(id, 'en-GB'),
  },
  { pattern: /(?<![\w-])\d{2} ?\d{3} ?\d{3} ?\d{3}(?![\w-])/g, decide: (id) => validator.isTaxID(id, 'de-DE') },
  { pattern: /\b\d{8}[A-Z]\b/g, decide: (id) => validator.isIdentityCard(id, 'ES') },
];

function unlabelled(text: string): Span[] {
  return UNLABELLED.flatMap(({ pattern, decide }) =>
    [...text.matchAll(pattern)]
      .filter(({ 0: id, index }) => decide(id.replaceAll(' ', '').toUpperCase()) && !isLabelledId(text, index))
      .map(({ 0: id, index }): Span => ({ start: index, end: index + id.length, type: 'national_id' })),
  );
}

/** Nine digits after "social", spoken or without separators. */
function socialSecurityNumbers(text: string, runs: readonly DigitRun[]): Span[] {
  return runs
    .filter(({ digits, starts }) => digits.length === 9 && /\b(?:ssn|social)\b/i.test(before(text, starts[0]!)))
    .map(({ starts, ends }): Span => ({ start: starts[0]!, end: ends.at(-1)!, type: 'national_id' }));
}

const LABEL =
  /\b(?:passport|identity card|national id|id card|national insurance|nino|ni (?:number|no)|dni|nie|nif|pesel|bsn|cpf|aadhaar|personnummer|codice fiscale|tax (?:id|number)|tin|steuer[- ]?id|steuer\w{0,20}nummer|idnr)\b(?:[\s.:#]*(?:number|no|nr|is|ist|es|it's|my|:)\b)*[\s.:#]*/gi;
/** As many groups as an id may have. */
const VALUE = /[a-z0-9]+(?:[ .-][a-z0-9]+){0,5}/iy;

function labelled(text: string): Span[] {
  return [...text.matchAll(LABEL)].flatMap((label): Span[] => {
    const start = label.index + label[0].length;
    VALUE.lastIndex = start;
    const length = longestId(VALUE.exec(text)?.[0] ?? '', /passport/i.test(label[0]));
    return length === undefined ? [] : [{ start, end: start + length, type: 'national_id' }];
  });
}

/** Words that follow an id look like groups of it: the longest beginning that validator accepts. */
function longestId(candidate: string, passport: boolean): number | undefined {
  const ends = [...candidate.matchAll(/[a-z0-9]+/gi)].map((group) => group.index + group[0].length).reverse();
  return ends.find((end) => {
    const id = candidate.slice(0, end).replace(/[ .-]/g, '').toUpperCase();
    if (id.length < 6 || id.length > 18 || id.replace(/\D/g, '').length < 4) return false;
    return validator.isIdentityCard(id, 'any') || isTaxId(id) || (passport && isPassport(id));
  });
}

const TAX_LOCALES =
  'bg-BG cs-CZ de-AT de-DE dk-DK el-GR en-GB en-IE en-US es-ES et-EE fi-FI fr-BE fr-FR hu-HU it-IT lv-LV nl-NL pl-PL pt-BR pt-PT ro-RO sk-SK sl-SI sv-SE'.split(
    ' ',
  );

function isTaxId(id: string): boolean {
  return TAX_LOCALES.some((locale) => validator.isTaxID(id, locale));
}

const PASSPORT_COUNTRIES = 'AT AU BE BR CA CH CN CZ DE DK ES FI FR GB HU IE IN IT JP KR MX NL PL PT RO SE US'.split(
  ' ',
);

function isPassport(id: string): boolean {
  return PASSPORT_COUNTRIES.some((country) => validator.isPassportNumber(id, country));
}
