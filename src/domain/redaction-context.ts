/** How far before a number its label may stand; farther would take the label of another number. */
const REACH = 40;

const ID_WORDS =
  'order|invoice|ticket|case|reference|ref|tracking|parcel|serial|part|sku|item|batch|transaction|booking|article|model|' +
  'error|code|request|session|trace|commit|build|version|isbn|ean|imei|timestamp|epoch|rma|product|customer|id';
const ID_LABEL = new RegExp(
  String.raw`\b(?:${ID_WORDS})(?:\s+(?:numbers?|no|nr|id|code|is|was|it's))*[\s.:#=-]*(?:[a-z]{1,6}-)?$`,
  'i',
);

/**
 * What is written before a place, as far as a label may reach; what follows a value already removed tells about that
 * value only.
 */
export function before(text: string, index: number): string {
  const reached = text.slice(Math.max(0, index - REACH), index);
  return reached.slice(reached.lastIndexOf(']') + 1);
}

/** Whether a label before this place says that an order number, an error code or another harmless id follows. */
export function isLabelledId(text: string, index: number): boolean {
  return ID_LABEL.test(before(text, index));
}
