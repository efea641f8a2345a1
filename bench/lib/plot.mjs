// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Small plots as SVG, beside each other, legible on light and on dark ground.

/**
 * @typedef {object} Axis
 * @property {string} label with its unit
 * @property {boolean} [isLog] a logarithmic scale, for which all values are above 0
 * @property {(value: number) => string} format of the numbers at the ticks
 * @property {boolean} [isBinary] ticks at powers of 2, not of 10
 */

/**
 * @typedef {object} Series
 * @property {string} label
 * @property {number} colour from 0 on: whose it is
 * @property {number} mark from 0 on: what it is
 * @property {{ x: number, y: number }[]} points
 */

/**
 * @typedef {object} Plot
 * @property {string} title
 * @property {Axis} x
 * @property {Axis} y
 * @property {Series[]} series
 */

// Halfway between black and white, so that they show on both.
const INK = '#7d8590';
const COLOURS = ['#2f81f7', '#d1762b'];

/** Draws a mark: a circle, a square, a triangle. @type {((x: number, y: number, colour: string) => string)[]} */
const MARKS = [
  (x, y, colour) => `<circle cx="${place(x)}" cy="${place(y)}" r="3" fill="${colour}"/>`,
  (x, y, colour) =>
    `<rect x="${place(x - 2.5)}" y="${place(y - 2.5)}" width="5" height="5" fill="${colour}"/>`,
  (x, y, colour) => `<path d="M${place(x)} ${place(y - 3.5)}l3.5 6h-7z" fill="${colour}"/>`,
];

const PLOT = { width: 340, height: 240, left: 74, right: 20, top: 36, bottom: 46 };
const LEGEND = { row: 18, column: 240 };
const TICKS = 5;

/** @param {string} text */
function escape(text) {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** @param {number} value a coordinate */
const place = (value) => String(Math.round(value * 10) / 10);

/**
 * Round numbers of which the first is at most `least` and the last at least `most`.
 *
 * @param {number} least
 * @param {number} most
 * @param {Axis} axis
 * @returns {number[]}
 */
export function ticks(least, most, { isLog, isBinary }) {
  if (isLog) {
    const base = isBinary ? 2 : 10;
    const log = (/** @type {number} */ value) => Math.log(value) / Math.log(base);
    const [from, to] = [Math.floor(log(least) + 1e-9), Math.ceil(log(most) - 1e-9)];
    const step = Math.max(1, Math.ceil((to - from) / (TICKS + 1)));
    const count = Math.max(1, Math.ceil((to - from) / step));
    return Array.from({ length: count + 1 }, (_, i) => base ** (from + i * step));
  }
  const rough = most / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((each) => each * power >= rough) ?? 10);
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, i) => i * step);
}

/**
 * @param {number[]} marks
 * @param {Axis} axis
 * @param {number} from coordinate of the first mark
 * @param {number} to coordinate of the last
 */
function scale(marks, { isLog }, from, to) {
  const turn = isLog ? Math.log : (/** @type {number} */ value) => value;
  const [first, last] = [turn(marks[0]), turn(marks[marks.length - 1])];
  return (/** @type {number} */ value) => from + ((turn(value) - first) / (last - first)) * (to - from);
}

/** @param {number} x @param {number} y @param {Pick<Series, 'colour' | 'mark'>} style */
function draw(x, y, { colour, mark }) {
  return MARKS[mark % MARKS.length](x, y, colourOf(colour));
}

/** @param {number} colour */
function colourOf(colour) {
  return COLOURS[colour % COLOURS.length];
}

/** @param {number} x @param {number} y @param {string} content @param {string} [more] attributes */
function text(x, y, content, more = '') {
  return `<text x="${place(x)}" y="${place(y)}"${more === '' ? '' : ` ${more}`}>${escape(content)}</text>`;
}

/** @param {Plot} plot @param {number} offset @returns {string[]} lines of SVG */
function drawPlot({ title, x, y, series }, offset) {
  const points = series.flatMap((each) => each.points);
  const [xs, ys] = [points.map((point) => point.x), points.map((point) => point.y)];
  const [left, right] = [offset + PLOT.left, offset + PLOT.width - PLOT.right];
  const [top, bottom] = [PLOT.top, PLOT.height - PLOT.bottom];
  const xTicks = ticks(Math.min(...xs), Math.max(...xs), x);
  const yTicks = ticks(Math.min(...ys), Math.max(...ys), y);
  const toX = scale(xTicks, x, left, right);
  const toY = scale(yTicks, y, bottom, top);
  const middle = (top + bottom) / 2;
  return [
    text(left, top - 16, title, 'font-weight="bold"'),
    ...yTicks.flatMap((value) => [
      `<line x1="${place(left)}" y1="${place(toY(value))}" x2="${place(right)}" y2="${place(toY(value))}" stroke="${INK}" stroke-opacity="0.25"/>`,
      text(left - 6, toY(value) + 4, y.format(value), 'text-anchor="end"'),
    ]),
    ...xTicks.flatMap((value) => [
      `<line x1="${place(toX(value))}" y1="${place(bottom)}" x2="${place(toX(value))}" y2="${place(bottom + 4)}" stroke="${INK}"/>`,
      text(toX(value), bottom + 17, x.format(value), 'text-anchor="middle"'),
    ]),
    `<path d="M${place(left)} ${place(top)}V${place(bottom)}H${place(right)}" fill="none" stroke="${INK}"/>`,
    text((left + right) / 2, bottom + 35, x.label, 'text-anchor="middle"'),
    text(
      0,
      0,
      y.label,
      `text-anchor="middle" transform="translate(${place(offset + 12)} ${place(middle)}) rotate(-90)"`,
    ),
    ...series.flatMap((each) => {
      const places = each.points.map((point) => ({ x: toX(point.x), y: toY(point.y) }));
      const line = places.map((at) => `${place(at.x)},${place(at.y)}`).join(' ');
      return [
        `<polyline points="${line}" fill="none" stroke="${colourOf(each.colour)}" stroke-width="1.5"/>`,
        ...places.map((at) => draw(at.x, at.y, each)),
      ];
    }),
  ];
}

/**
 * Draws plots beside each other, and below them which series is which.
 *
 * @param {Plot[]} plots at least one, with at least one point each
 * @param {string} description for those who cannot see it
 * @returns {string} the text of an SVG file
 */
export function drawPlots(plots, description) {
  const all = new Map(plots.flatMap(({ series }) => series.map((each) => [each.label, each])));
  const colours = [...new Set([...all.values()].map(({ colour }) => colour))];
  const columns = colours.map((wanted) => [...all.values()].filter(({ colour }) => colour === wanted));
  const rows = Math.max(...columns.map((column) => column.length));
  const width = plots.length * PLOT.width;
  const height = PLOT.height + 12 + rows * LEGEND.row;
  const legend = columns.flatMap((column, i) =>
    column.flatMap((each, row) => {
      const [x, y] = [PLOT.left + i * LEGEND.column, PLOT.height + 12 + row * LEGEND.row];
      const line = `x1="${x}" y1="${y}" x2="${x + 24}" y2="${y}"`;
      return [
        `<line ${line} stroke="${colourOf(each.colour)}" stroke-width="1.5"/>`,
        draw(x + 12, y, each),
        text(x + 32, y + 4, each.label),
      ];
    }),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<!-- SPDX-License-Identifier: Apache-2.0 -->
<title>${escape(description)}</title>
<g font-family="system-ui, sans-serif" font-size="11" fill="${INK}">
${[...plots.flatMap((plot, i) => drawPlot(plot, i * PLOT.width)), ...legend].join('\n')}
</g>
</svg>
`;
}
