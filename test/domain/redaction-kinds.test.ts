import { describe, expect, it } from 'vitest';
import { redact } from '../../src/domain/redaction.ts';

/** Each as it comes from a keyboard, a speech model or a screen's recognition. */
const HIDDEN: Readonly<Record<string, readonly (readonly [text: string, redacted: string])[]>> = {
  'card numbers': [
    ['visa 4111111111111111, exp 12/27', 'visa [CARD], exp 12/27'],
    ['4111-1111-1111-1111 and 5500 0000 0000 0004', '[CARD] and [CARD]'],
    ['four one one one, double one double one, and then one one one one one one one one', '[CARD]'],
    ['forty one eleven eleven eleven eleven eleven eleven eleven', '[CARD]'],
    ['maestro 6799990100000000019', 'maestro [CARD]'],
    ['４１１１ １１１１ １１１１ １１１１', '[CARD]'],
    ['4111\u200b1111\u00ad1111\u20131111', '[CARD]'],
    ['order 4111 1111 1111 1111', 'order [CARD]'],
    ['4186252760189550, 5-1-7-6-0-3-1-3-7-2-1-5-9-0-1-4', '[CARD], [CARD]'],
  ],
  IBANs: [
    ['DE89 3704 0044 0532 0130 00 is mine', '[IBAN] is mine'],
    ['iban gb82west12345698765432', 'iban [IBAN]'],
    [
      'd e eight nine three seven zero four zero zero four four zero five three two zero one three zero zero zero',
      '[IBAN]',
    ],
  ],
  'e-mail addresses': [
    ["email: Bob.O'Neil+x@sub.example.co.uk.", 'email: [EMAIL].'],
    ['jane . doe @ example . com', '[EMAIL]'],
    ['write to jane dot doe at example dot com', 'write to [EMAIL]'],
    ["it's j smith 42 at gmail dot com", "it's [EMAIL]"],
    ['anna underscore b at web dot de', '[EMAIL]'],
    ['my address is margaret at example.com. Thank you', 'my address is [EMAIL]. Thank you'],
  ],
  'phone numbers': [
    ['call me back at 415 555 2671', 'call me back at [PHONE]'],
    ['+44 20 7946 0958 or 0044 20 7946 0958', '[PHONE] or [PHONE]'],
    ['Ann, ann@example.com, 5507529170342369, 415-555-0132', '[NAME], [EMAIL], [CARD], [PHONE]'],
    ['ring me on 07700 900123', 'ring me on [PHONE]'],
    ['my number is two one two five five five zero one eight seven', 'my number is [PHONE]'],
  ],
  'national ids': [
    ['SSN 219 09 9999', 'SSN [NATIONAL_ID]'],
    ['my social is two one nine oh nine nine nine nine nine', 'my social is [NATIONAL_ID]'],
    ['nino ab123456c', 'nino [NATIONAL_ID]'],
    ['steuer id 86095742719', 'steuer id [NATIONAL_ID]'],
    ['my passport number is 533401372', 'my passport number is [NATIONAL_ID]'],
    ['CPF 529.982.247-25. Thanks', 'CPF [NATIONAL_ID]. Thanks'],
  ],
  names: [
    ['my name is maria gonzalez and I cannot log in', 'my name is [NAME] and I cannot log in'],
    ['this is mark speaking', 'this is [NAME] speaking'],
    ['Thanks, Chen Wei', 'Thanks, [NAME]'],
    ['Account holder: Zbigniew Brzezinski', 'Account holder: [NAME]'],
    ['Jürgen Müller und Jean-Luc', '[NAME] und [NAME]'],
    ['JOHN SMITH cannot pay', '[NAME] cannot pay'],
    ["Peter's order is late", "[NAME]'s order is late"],
  ],
};

const KEPT = [
  'look at amazon dot com please',
  'order number 100200300400500, tracking 1Z999AA10123456784',
  'invoice INV-2026-000123 of 2026-11-21 14:32:03',
  'session 9f86d081884c7d659a2feaa0c55ad015, error 0x80070005',
  'version 2024.10.12.1234 at 192.168.100.200, port 8080',
  '48.8566140, 2.3522219',
  'page 1 2 3 4 5 6 7 8 9 10 11 12 13',
  'Mark the ticket as done and grant access',
  'please tell Young INV-2026-000123',
  'My name is not on the list',
  "I'm not sure, I am happy to wait until May",
  'From: Berlin To: Paris, Name: Delivery Address',
  'Rose to the occasion',
];

describe.each(Object.entries(HIDDEN))('redaction of %s', (_, examples) => {
  it.each(examples)('hides them: %s', (text, redacted) => {
    expect(redact(text).text).toBe(redacted);
  });
});

describe('redaction', () => {
  it.each(KEPT)('keeps what only looks like personal data: %s', (text) => {
    expect(redact(text).text).toBe(text);
  });

  it('leaves no rest of a value beside a label, and keeps the most certain type', () => {
    expect(redact('write to anna.smith.4111111111111111@example.com').text).toBe('write to [EMAIL]');
  });

  it.each(['4 5 3 9 ', 'Mark will grant Grant ', 'a dot b at c dot ', '[NAME] Anna ', '+4', 'tax id no: my '])(
    'takes time in proportion to the text: %j',
    { timeout: 30_000 },
    (unit) => {
      const seconds = (length: number) => {
        const text = unit.repeat(length / unit.length);
        const start = performance.now();
        redact(text);
        return (performance.now() - start) / 1_000;
      };
      seconds(2_000);
      // Eight times the text; a cost that grows with the square would take 64 times as long.
      expect(seconds(16_000)).toBeLessThan(24 * Math.max(seconds(2_000), 0.02));
    },
  );
});
