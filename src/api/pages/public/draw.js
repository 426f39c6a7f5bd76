/** @import { Cell, Row } from '../contract.ts' */
/** @import { Drawing, Panel } from './geometry.js' */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * The element that the page has under an id.
 *
 * @template {Element} Kind
 * @param {string} id
 * @param {new () => Kind} kind
 * @returns {Kind}
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} #${id}`);
  return found;
}

/**
 * Puts text where it is another, so that nothing is read out, or loses a selection, that has not changed.
 *
 * @param {Element} element
 * @param {string} text
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Brings the rows of a table, or the items of a list, to what they are to be; those that stay, stay.
 *
 * @param {Element} parent
 * @param {number} count
 * @param {(place: number) => Element} make
 */
function keep(parent, count, make) {
  while (parent.children.length > count) parent.lastElementChild?.remove();
  while (parent.children.length < count) parent.append(make(parent.children.length));
  return [...parent.children];
}

/**
 * @param {HTMLTableSectionElement} body
 * @param {readonly Row[]} rows
 */
export function fillRows(body, rows) {
  const elements = keep(body, rows.length, () => document.createElement('tr'));
  elements.forEach((element, index) => fillRow(element, rows[index] ?? []));
}

/**
 * @param {Element} row
 * @param {Row} cells
 */
function fillRow(row, cells) {
  const elements = keep(row, cells.length, (place) => {
    const cell = document.createElement(place === 0 ? 'th' : 'td');
    if (place === 0) cell.scope = 'row';
    cell.append(document.createElement('span'));
    return cell;
  });
  elements.forEach((element, index) => fillCell(element, cells[index] ?? { text: '' }));
}

/**
 * @param {Element} element
 * @param {Cell} cell
 */
function fillCell(element, { text, tone, share }) {
  const [words, bar] = element.children;
  if (words !== undefined) say(words, text);
  element.className = tone ?? '';
  if (share === undefined) return bar?.remove();
  const drawn = bar instanceof HTMLElement ? bar : element.appendChild(newBar());
  drawn.style.setProperty('--share', String(share));
}

function newBar() {
  const bar = document.createElement('span');
  bar.className = 'bar';
  bar.setAttribute('aria-hidden', 'true');
  return bar;
}

/**
 * @param {HTMLUListElement} list
 * @param {readonly Cell[]} cells
 */
export function fillList(list, cells) {
  const elements = keep(list, cells.length, () => document.createElement('li'));
  elements.forEach((element, index) => {
    const { text, tone } = cells[index] ?? { text: '' };
    say(element, text);
    element.className = tone ?? '';
  });
}

/**
 * Draws the chart anew; it is a picture to those who read the page aloud, with its summary as its name.
 *
 * @param {Element} into
 * @param {Drawing} drawing
 */
export function draw(into, drawing) {
  const { width, height, panels, bands, marks, ticks, summary } = drawing;
  const bottom = panels.at(-1)?.bottom ?? height;
  const top = panels[0]?.top ?? 0;
  const picture = svg('svg', { viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': summary });
  picture.append(
    ...bands.map(({ x, width: wide }) => svg('rect', { x, width: wide, y: top, height: bottom - top, class: 'band' })),
    ...panels.flatMap((panel) => drawPanel(panel, drawing)),
    ...marks.map(({ x, text }) => {
      const mark = svg('line', { x1: x, x2: x, y1: top, y2: bottom, class: 'mark' });
      mark.append(svg('title', {}, text));
      return mark;
    }),
    ...ticks.map(({ x, text }, index) => {
      const anchor = index === 0 ? 'start' : index === ticks.length - 1 ? 'end' : 'middle';
      return svg('text', { x, y: bottom + 16, 'text-anchor': anchor }, text);
    }),
  );
  into.replaceChildren(picture);
}

/**
 * @param {Panel} panel
 * @param {Drawing} drawing
 */
function drawPanel({ title, top, ticks, lines, limit }, { left, right }) {
  const grid = ticks.flatMap(({ y, text }) => [
    svg('line', { x1: left, x2: right, y1: y, y2: y, class: 'grid' }),
    svg('text', { x: left - 6, y: y + 4, 'text-anchor': 'end' }, text),
  ]);
  const limits =
    limit === undefined ? [] : [svg('line', { x1: left, x2: right, y1: limit.y, y2: limit.y, class: 'limit' })];
  const courses = lines.map(({ name, d }) => svg('path', { d, class: `line ${name}` }));
  return [...grid, svg('text', { x: left, y: top - 8, class: 'title' }, title), ...limits, ...courses];
}

/**
 * @param {string} name
 * @param {Readonly<Record<string, string | number>>} attributes
 * @param {string} [text]
 */
function svg(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  if (text !== undefined) element.textContent = text;
  return element;
}
