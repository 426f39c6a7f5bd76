/** A text without what hides values from a search, and where each of its characters stood. */
export interface PlainText {
  readonly text: string;
  /** By index in the plain text: start and end of the original character, in UTF-16 units. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

/** Soft hyphens, zero-width spaces and joiners, direction marks: they may stand inside a number. */
const INVISIBLE = /\p{Cf}/u;

/** Full-width figures become plain ones, any dash or space the simplest one, invisible characters go. */
export function plainText(original: string): PlainText {
  const starts = new Uint32Array(original.length);
  const ends = new Uint32Array(original.length);
  let text = '';
  let position = 0;
  for (const character of original) {
    const end = position + character.length;
    const plain = plainCharacter(character);
    for (let unit = 0; unit < plain.length; unit++) {
      starts[text.length + unit] = position;
      ends[text.length + unit] = end;
    }
    text += plain;
    position = end;
  }
  return { text, starts, ends };
}

/** At most as many UTF-16 units as it was given. */
function plainCharacter(character: string): string {
  if (character <= '\u007f') return character;
  if (INVISIBLE.test(character)) return '';
  if (/\p{Nd}/u.test(character)) return decimalDigit(character);
  if (/\p{Pd}/u.test(character)) return '-';
  if (/\p{Zs}/u.test(character)) return ' ';
  if (character === '\u2019') return "'";
  const normal = character.normalize('NFKC');
  return normal.length <= character.length ? normal : character;
}

/** Unicode keeps the ten digits of a script together, so a digit's value is its distance from the script's zero. */
function decimalDigit(character: string): string {
  const normal = character.normalize('NFKC');
  if (/^\d$/.test(normal)) return normal;
  const code = character.codePointAt(0) ?? 0;
  let zero = code;
  while (code - zero < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero -= 1;
  return String(code - zero);
}
