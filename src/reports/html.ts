import { SEVERITIES, type Severity } from "../core/policy.js";
import { show } from "../reconcile/events.js";
import type { DriftReport, OpenDrift } from "./drift-report.js";
import { html, type Markup } from "./markup.js";
import { COLOURS, legend, noisiestPicture, resolvePicture, timelinePicture } from "./pictures.js";
import { byEnvironment, moment, notesOf, severities, span, spans, sum, summaryOf, upTo } from "./words.js";

/*
 * One page for a mail client and a browser: tables, styles at the elements, no script, nothing from elsewhere. Each picture
 * has its figures in a table below it, because many mail clients drop inline SVG.
 */

const FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const CELL = "padding:7px 10px 7px 0;border-bottom:1px solid #e9edf1;vertical-align:top;overflow-wrap:anywhere";
const CODE = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12.5px";
const QUIET = "color:#5b6673";

export function reportHtml(report: DriftReport): string {
  const title = `Drift, ${moment(report.from)} to ${moment(report.to)}`;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light" />
        <title>${title}</title>
      </head>
      <body style="margin:0;padding:0;background:#f2f4f7;color:#1d2733;${FONT};font-size:14px;line-height:1.5">
        <table role="presentation" width="100%" cellspacing="0" cellpadding="0" style="border-collapse:collapse">
          <tr>
            <td align="center" style="padding:24px 12px">
              <table
                role="presentation"
                width="100%"
                cellspacing="0"
                cellpadding="0"
                style="max-width:760px;border-collapse:collapse;background:#ffffff;border:1px solid #e1e6eb;text-align:left"
              >
                <tr>
                  <td style="padding:28px 32px 32px">
                    <p style="margin:0;${QUIET};font-size:12px;letter-spacing:.06em;text-transform:uppercase">
                      Trueup · ${moment(report.from)} – ${moment(report.to)} UTC
                    </p>
                    <h1 style="margin:4px 0 8px;font-size:26px;line-height:1.25;font-weight:650">Drift report</h1>
                    <p style="margin:0 0 20px;font-size:15px">${summaryOf(report)}</p>
                    ${tiles(report)} ${openSection(report)} ${picturesOf(report)} ${environments(report)}
                    ${heading("How to read this")}
                    ${notesOf(report).map((note) => html`<p style="margin:0 0 6px;font-size:12.5px;${QUIET}">${note}</p>`)}
                  </td>
                </tr>
              </table>
            </td>
          </tr>
        </table>
      </body>
    </html> `;
  return `${page.markup.trim()}\n`;
}

function tiles({ total }: DriftReport): Markup {
  const { found, open, ended, timeToResolve, recurring } = total;
  const one = (figure: string | number, label: string, detail: string): Markup =>
    html`<td width="25%" style="padding:12px 8px 12px 12px;vertical-align:top;border-left:3px solid #d8dfe6">
      <div style="font-size:24px;line-height:1.2;font-weight:650">${figure}</div>
      <div style="font-size:13px">${label}</div>
      <div style="font-size:12px;${QUIET}">${detail}</div>
    </td>`;
  return html`<table
    role="presentation"
    width="100%"
    cellspacing="0"
    cellpadding="0"
    style="border-collapse:collapse;table-layout:fixed"
  >
    <tr>
      ${one(sum(open), "open now", severities(open))}
      ${one(sum(found), "found", recurring === 0 ? "none of them twice" : `${recurring} drifted again`)}
      ${one(ended.healed, "healed", `${ended.adopted} adopted, ${ended.resolved} gone`)}
      ${one(spans(timeToResolve)[0], "to resolve, median", timeToResolve === null ? "nothing ended" : `nine in ten ≤ ${spans(timeToResolve)[1]}`)}
    </tr>
  </table>`;
}

function openSection({ open }: DriftReport): Markup {
  if (open.length === 0)
    return html`${heading("Open now")}
      <p style="margin:0;${QUIET}">Everything is in sync.</p>`;
  const rows = open.slice(0, MOST_OPEN).map((drift) => [
    badge(drift.severity),
    html`${setting(drift)}
      <div style="font-size:12px;${QUIET}">${drift.kind} · ${drift.rule}${remark(drift)}</div>`,
    html`<span style="${CODE}">${show(drift.live)}</span>
      <div style="font-size:12px;${QUIET}">desired <span style="${CODE}">${show(drift.desired)}</span></div>`,
    drift.since === null ? html`–` : html`${moment(drift.since)}`,
  ]);
  const more = open.length - rows.length;
  const rest =
    more <= 0 ? html`` : html`<p style="${QUIET}">and ${more} more: <span style="${CODE}">trueup diff</span></p>`;
  return html`${heading("Open now")}${table(["Severity", "Setting", "Live", "Since"], rows, { widths: [12, 42, 28, 18] })}${rest}`;
}

const MOST_OPEN = 50;

function remark({ restrained, note }: OpenDrift): Markup {
  const words = [restrained, note].filter((part) => part !== undefined);
  return words.length === 0 ? html`` : html` · ${words.join(": ")}`;
}

function picturesOf(report: DriftReport): Markup {
  const { timeline, resolveTimes, noisiest, total } = report;
  if (sum(total.found) === 0 && total.timeToResolve === null) return html``;
  const days = timeline.bars
    .filter((bar) => sum(bar) > 0)
    .map((bar) => [html`${bar.day}`, ...SEVERITIES.map((severity) => number(bar[severity])), number(sum(bar))]);
  const times = resolveTimes.map(({ upTo: end }) => upTo(end));
  const loud = noisiest.map((one) => [
    badge(one.severity),
    setting(one),
    number(one.times),
    number(one.healed),
    html`${moment(one.last)}`,
  ]);
  const by = timeline.days === 1 ? "Day" : "Week of";
  return html`${heading(timeline.days === 1 ? "Drift by day" : "Drift by week")}
  ${legend(report)}${timelinePicture(report)}
  ${table([by, ...SEVERITIES, "all"], days, { widths: [30, 14, 14, 14, 14, 14], right: 1 })}
  ${heading("Time to resolve")} ${resolvePicture(report)}
  ${table(times, [resolveTimes.map(({ count }) => number(count))], { widths: times.map(() => 100 / times.length), right: 0 })}
  ${noisiest.length === 0 ? html`` : html`${heading("Noisiest settings")}${noisiestPicture(report)}${table(["Worst", "Setting", "Times", "Healed", "Last"], loud, { widths: [12, 46, 11, 11, 20] })}`}`;
}

function environments(report: DriftReport): Markup {
  const all = byEnvironment(report);
  const name = (one: { name: string }): Markup => html`<strong>${one.name}</strong>`;
  const ends = all.map((one) => {
    const { healed, adopted, resolved } = one.ended;
    return [name(one), ...[sum(one.found), healed, adopted, resolved, one.recurring, sum(one.open)].map(number)];
  });
  const times = all.map((one) => [
    name(one),
    ...[...spans(one.timeToResolve), ...spans(one.timeToDetect)].map((text) => html`${text}`),
  ]);
  const rest = all.map((one) => {
    const { held, flapping, refused } = one.suppressed;
    const unknown = one.unknown === 0 ? html`–` : html`${span(one.unknown)}`;
    return [name(one), ...[one.holds, held, flapping, refused, one.failed].map(number), unknown];
  });
  const widths = [22, 13, 13, 13, 13, 13, 13];
  const right = 1;
  return html`${heading("Environments")}
  ${table(["", "Found", "Healed", "Adopted", "Gone", "Again", "Open"], ends, { widths, right })}
  ${caption("Time to resolve, and detected within")}
  ${table(["", "Median", "9 in 10", "Longest", "Detected: median", "9 in 10", "Longest"], times, { widths, right })}
  ${caption("Held back, and what went wrong")}
  ${table(["", "Holds", "Held now", "Flapping", "Refused", "Failed", "Unknown for"], rest, { widths, right })}`;
}

function heading(text: string): Markup {
  return html`<h2 style="margin:30px 0 8px;font-size:17px;font-weight:650">${text}</h2>`;
}

function caption(text: string): Markup {
  return html`<p style="margin:14px 0 0;font-size:12.5px;${QUIET}">${text}</p>`;
}

interface Columns {
  /** In percent. */
  readonly widths: readonly number[];
  /** The first column that is set to the right. */
  readonly right?: number;
}

function table(head: readonly string[], rows: readonly (readonly Markup[])[], { widths, right = 99 }: Columns): Markup {
  const align = (column: number): string => (column >= right ? "right" : "left");
  return html`<table
    width="100%"
    cellspacing="0"
    cellpadding="0"
    style="border-collapse:collapse;table-layout:fixed;font-size:13px;margin-top:6px"
  >
    <tr>
      ${head.map((text, column) => html`<th width="${widths[column] ?? 0}%" align="${align(column)}" style="${CELL};border-bottom:2px solid #d8dfe6;font-size:12px;font-weight:600;${QUIET}">${text}</th>`)}
    </tr>
    ${rows.map(
      (cells) =>
        html`<tr>
          ${cells.map((cell, column) => html`<td align="${align(column)}" style="${CELL}">${cell}</td>`)}
        </tr> `,
    )}
  </table>`;
}

function setting({ environment, target, path }: { environment: string; target: string; path: string }): Markup {
  return html`<span style="${QUIET}">${environment}/${target}</span> <span style="${CODE}">${path}</span>`;
}

function badge(severity: Severity): Markup {
  return html`<span
      style="display:inline-block;width:9px;height:9px;border-radius:2px;background:${COLOURS[severity]}"
    ></span>
    ${severity}`;
}

function number(value: number): Markup {
  return value === 0 ? html`<span style="color:#9aa5b1">0</span>` : html`${value}`;
}
