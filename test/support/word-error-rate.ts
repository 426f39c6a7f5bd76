/** Edit distance of two lists: insertions, deletions and substitutions (Levenshtein 1966). */
function distance(a: readonly string[], b: readonly string[]): number {
  let previous = b.map((_, index) => index + 1);
  a.forEach((left, row) => {
    const current: number[] = [];
    b.forEach((right, column) => {
      const diagonal = column === 0 ? row : previous[column - 1]!;
      const above = previous[column]!;
      const before = column === 0 ? row + 1 : current[column - 1]!;
      current.push(Math.min(diagonal + (left === right ? 0 : 1), above + 1, before + 1));
    });
    previous = current;
  });
  return previous.at(-1) ?? a.length;
}

const DIGITS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];

/** Words in lower case. A digit is one word, a figure wherever it stands: "four five" and "45" are the same words. */
function words(text: string): string[] {
  const found = text.toLowerCase().match(/\d|[\p{L}']+/gu) ?? [];
  return found.map((word) => (DIGITS.includes(word) ? String(DIGITS.indexOf(word)) : word));
}

/** Word error rate: edits of the recognised words over the words that were said, 0 when all are right. */
export function wordErrorRate(said: string, recognised: string): number {
  return distance(words(recognised), words(said)) / words(said).length;
}
