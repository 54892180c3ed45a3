import { SEVERITIES, type Severity } from "../core/policy.js";
import type { DriftReport } from "./drift-report.js";
import { html, type Markup } from "./markup.js";
import { sum, upTo } from "./words.js";

/** Bars that tell severities apart also in grey: the darker, the worse. */
export const COLOURS: Readonly<Record<Severity, string>> = {
  low: "#a9b8c9",
  medium: "#e9b44c",
  high: "#e07a3f",
  critical: "#b3243b",
};

const INK = "#5b6673";
const LINE = "#e3e7ec";
const BAR = "#3b6ea5";

const WIDTH = 640;
const HEIGHT = 190;
const LEFT = 34;
const BOTTOM = 24;
const TOP = 10;

interface Column {
  readonly label: string;
  readonly parts: readonly { readonly value: number; readonly colour: string }[];
}

/** Drift found, by day and severity. */
export function timelinePicture({ timeline }: DriftReport): Markup {
  const columns = timeline.bars.map((bar): Column => ({
    label: bar.day.slice(5),
    parts: SEVERITIES.map((severity) => ({ value: bar[severity], colour: COLOURS[severity] })),
  }));
  return columnChart(
    columns,
    `Drift found by ${timeline.days === 1 ? "day" : "week"} and severity; the table has the figures`,
  );
}

export function resolvePicture({ resolveTimes }: DriftReport): Markup {
  const columns = resolveTimes.map((bar): Column => ({
    label: upTo(bar.upTo),
    parts: [{ value: bar.count, colour: BAR }],
  }));
  return columnChart(columns, "How long drift took to end; the table has the figures");
}

function columnChart(columns: readonly Column[], title: string): Markup {
  const highest = Math.max(1, ...columns.map(({ parts }) => parts.reduce((all, { value }) => all + value, 0)));
  const step = tick(highest);
  const top = Math.ceil(highest / step) * step;
  const y = (value: number): number => round(HEIGHT - BOTTOM - (value / top) * (HEIGHT - BOTTOM - TOP));
  const slot = (WIDTH - LEFT) / Math.max(1, columns.length);
  const bar = Math.min(44, slot * 0.62);
  // Labels stand where they have room: about 46 units a label.
  const every = Math.ceil(46 / slot);
  const lines = Array.from({ length: top / step + 1 }, (_, index) => index * step);
  return html`<svg
    xmlns="http://www.w3.org/2000/svg"
    viewBox="0 0 ${WIDTH} ${HEIGHT}"
    width="100%"
    role="img"
    aria-label="${title}"
    style="display:block;max-width:100%;height:auto"
    font-family="-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif"
    font-size="11"
  >
    ${lines.map(
      (value) =>
        html`<line x1="${LEFT}" x2="${WIDTH}" y1="${y(value)}" y2="${y(value)}" stroke="${LINE}" /><text
            x="${LEFT - 8}"
            y="${y(value) + 4}"
            text-anchor="end"
            fill="${INK}"
            >${value}</text
          >`,
    )}${columns.map(({ label, parts }, index) => {
      const middle = round(LEFT + slot * (index + 0.5));
      let below = 0;
      const rectangles = parts.map(({ value, colour }) => {
        const from = below;
        below += value;
        const height = round(y(from) - y(below));
        return value === 0
          ? html``
          : html`<rect
              x="${round(middle - bar / 2)}"
              y="${y(below)}"
              width="${round(bar)}"
              height="${height}"
              fill="${colour}"
            />`;
      });
      const named = index % every === 0;
      return html`${rectangles}${named ? html`<text x="${middle}" y="${HEIGHT - 6}" text-anchor="middle" fill="${INK}">${label}</text>` : html``}`;
    })}
  </svg>`;
}

/** Whole steps, so that no line stands for half a drift; at most five of them. */
function tick(highest: number): number {
  for (let unit = 1; ; unit *= 10) {
    const step = [1, 2, 5].map((factor) => factor * unit).find((one) => highest / one <= 5);
    if (step !== undefined) return step;
  }
}

const ROW = 30;

/** The noisiest settings, longest bar first. */
export function noisiestPicture({ noisiest }: DriftReport): Markup {
  const most = Math.max(1, ...noisiest.map(({ times }) => times));
  const height = noisiest.length * ROW;
  return html`<svg
    xmlns="http://www.w3.org/2000/svg"
    viewBox="0 0 ${WIDTH} ${height}"
    width="100%"
    role="img"
    aria-label="The settings that drifted most often; the table has the figures"
    style="display:block;max-width:100%;height:auto"
    font-family="-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif"
    font-size="12"
  >
    ${noisiest.map(({ environment, target, path, times, severity }, index) => {
      const y = index * ROW;
      const length = round((times / most) * 300);
      return html`<text x="286" y="${y + 19}" text-anchor="end" fill="#1d2733"
          >${tail(`${environment}/${target} ${path}`)}</text
        ><rect x="296" y="${y + 6}" width="${length}" height="18" rx="2" fill="${COLOURS[severity]}" /><text
          x="${296 + length + 8}"
          y="${y + 19}"
          fill="${INK}"
          >${times}</text
        >`;
    })}
  </svg>`;
}

/** The end of a name says more than its beginning. */
function tail(name: string): string {
  const characters = Array.from(name);
  return characters.length > 42 ? `…${characters.slice(-41).join("")}` : name;
}

export function legend({ total }: DriftReport): Markup {
  const seen = SEVERITIES.toReversed().filter((severity) => total.found[severity] > 0);
  if (sum(total.found) === 0) return html``;
  return html`<p style="margin:0 0 6px;font-size:12px;color:${INK}">
    ${seen.map(
      (severity) =>
        html`<span
            style="display:inline-block;width:10px;height:10px;border-radius:2px;background:${COLOURS[severity]}"
          ></span>
          ${severity} &nbsp; `,
    )}
  </p>`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
