import type { Random } from './random.ts';

// What is said and shown in support: enough different words that texts are told apart, few enough that they are near.

const OPENERS = [
  'Hello',
  'Good morning',
  'Sorry to ask again',
  'Thanks for waiting',
  'As I said before',
  'Right',
  'Okay',
];
const WHO = [
  'I',
  'we',
  'my colleague',
  'our office',
  'my wife',
  'the warehouse',
  'the driver',
  'your shop',
  'the bank',
];
const DID = [
  'cannot find',
  'paid twice for',
  'never received',
  'wants to return',
  'tried to cancel',
  'has to change',
  'is still waiting for',
  'was charged for',
  'could not open',
  'got an error with',
];
const WHAT = [
  'the invoice',
  'a refund',
  'the parcel',
  'the yearly plan',
  'my login code',
  'the blue sweater',
  'the delivery window',
  'the second router',
  'the warranty card',
  'a credit note',
  'the travel adapter',
  'the family account',
];
const WHEN = [
  'since Tuesday',
  'after the last update',
  'during checkout',
  'on my phone',
  'in the new app',
  'two weeks ago',
  'before the holidays',
  'at the depot',
  'this morning',
];
const THEN = [
  'please have a look',
  'what should I do now',
  'can you send it again',
  'the page only shows a red banner',
  'nobody has called back',
  'I would like my money back',
  'it worked fine yesterday',
  'that is not what we agreed',
];
const PAGES = ['Checkout', 'Orders', 'Profile', 'Billing', 'Delivery', 'Sign in', 'Settings', 'Returns'];
const STATES = ['Payment failed', 'Session expired', 'Address not found', 'Card declined', 'Try again', 'Order placed'];

/** One sentence of 8 to 22 words, with a reference code in every third. */
export function sentence(random: Random): string {
  const opener = random.next() < 0.3 ? `${random.pick(OPENERS)}, ` : '';
  const code = random.next() < 0.33 ? ` with code ${codeOf(random)}` : '';
  const text = `${random.pick(WHO)} ${random.pick(DID)} ${random.pick(WHAT)}${code} ${random.pick(WHEN)}`;
  return capital(`${opener}${text}, ${random.pick(THEN)}.`);
}

/** Several sentences, as a chat message or a turn of a call. */
export function talk(random: Random, sentences: number): string {
  return Array.from({ length: sentences }, () => sentence(random)).join(' ');
}

/** A line of an application's window. */
export function screenLine(random: Random): string {
  const kind = random.below(4);
  if (kind === 0) return `${random.pick(PAGES)} ${codeOf(random)}`;
  if (kind === 1) return `${random.pick(STATES)}: ${codeOf(random)}`;
  return sentence(random);
}

/** What a screen shows, in one or two sentences. */
export function caption(random: Random): string {
  const page = random.pick(PAGES).toLowerCase();
  const state = random.pick(STATES).toLowerCase();
  return `A ${page} page with a banner that says ${state}, about ${random.pick(WHAT)} ${random.pick(WHEN)}.`;
}

function codeOf(random: Random): string {
  return `${random.pick(['PAY', 'ORD', 'NET', 'APP', 'RET'])}-${1_000 + random.below(9_000)}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
