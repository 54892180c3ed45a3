import { SEVERITIES } from "../core/policy.js";
import { show } from "../reconcile/events.js";
import type { DriftReport } from "./drift-report.js";
import { byEnvironment, moment, notesOf, severities, span, spans, sum, summaryOf, upTo } from "./words.js";

/** GitHub-flavoured Markdown, for a job summary or an issue. */
export function reportMarkdown(report: DriftReport): string {
  const { open, noisiest, timeline, resolveTimes, total, from, to } = report;
  const parts = [
    `# Drift report\n`,
    `${moment(from)} – ${moment(to)} UTC. ${plain(summaryOf(report))}\n`,
    environments(report),
  ];
  if (open.length > 0) {
    const rows = open.slice(0, MOST_OPEN).map((drift) => {
      const { severity, environment, target, path, kind, live, desired, since, restrained, rule } = drift;
      const where = `${plain(environment)}/${plain(target)} ${code(path)}`;
      const held = restrained === undefined ? kind : `${kind}, ${restrained}`;
      return [
        severity,
        where,
        held,
        code(show(live)),
        code(show(desired)),
        plain(rule),
        since === null ? "–" : moment(since),
      ];
    });
    const more = open.length - rows.length;
    parts.push(`## Open now\n`, table(["Severity", "Setting", "Finding", "Live", "Desired", "Rule", "Since"], rows));
    if (more > 0) parts.push(`and ${more} more: \`trueup diff\`\n`);
  }
  const days = timeline.bars.filter((bar) => sum(bar) > 0);
  if (days.length > 0) {
    const most = Math.max(...days.map(sum));
    const rows = days.map((bar) => [bar.day, String(sum(bar)), severities(bar), block(sum(bar), most)]);
    parts.push(`## Drift by ${timeline.days === 1 ? "day" : "week"}\n`, table(["From", "Found", "Severity", ""], rows));
  }
  if (total.timeToResolve !== null) {
    const most = Math.max(...resolveTimes.map(({ count }) => count));
    const rows = resolveTimes.map(({ upTo: end, count }) => [upTo(end), String(count), block(count, most)]);
    parts.push(`## Time to resolve\n`, table(["Took", "Count", ""], rows));
  }
  if (noisiest.length > 0) {
    const most = Math.max(...noisiest.map(({ times }) => times));
    const rows = noisiest.map(({ environment, target, path, times, healed, severity, last }) => [
      `${plain(environment)}/${plain(target)} ${code(path)}`,
      ...[String(times), String(healed), severity, moment(last), block(times, most)],
    ]);
    parts.push(`## Noisiest settings\n`, table(["Setting", "Times", "Healed", "Worst", "Last", ""], rows));
  }
  parts.push(
    `## How to read this\n`,
    notesOf(report)
      .map((note) => `- ${note}\n`)
      .join(""),
  );
  return parts.join("\n");
}

const MOST_OPEN = 50;

function environments(report: DriftReport): string {
  const head = ["", "Found", ...SEVERITIES, "Healed", "Adopted", "Gone", "Again", "Open"];
  const all = byEnvironment(report);
  const counts = all.map(({ name, found, ended, recurring, open }) => [
    plain(name),
    ...[sum(found), ...SEVERITIES.map((severity) => found[severity])].map(String),
    ...[ended.healed, ended.adopted, ended.resolved, recurring, sum(open)].map(String),
  ]);
  const times = all.map((one) => {
    const { held, flapping, refused } = one.suppressed;
    const spread = [...spans(one.timeToResolve), spans(one.timeToDetect)[0]];
    const trouble = [one.holds, held, flapping, refused, one.failed].map(String);
    return [plain(one.name), ...spread, ...trouble, one.unknown === 0 ? "–" : span(one.unknown)];
  });
  const second = ["", "Resolved: median", "9 in 10", "longest", "Detected within: median"];
  return [
    table(head, counts),
    table([...second, "Holds", "Held now", "Flapping", "Refused", "Failed", "Unknown for"], times),
  ].join("\n");
}

function block(value: number, most: number): string {
  return "█".repeat(Math.round((value / Math.max(1, most)) * 20));
}

/** The cells are Markdown already. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |\n`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("");
}

/** Backticks where nothing in the text can end them or the cell; else an element, in which every mark is an entity. */
function code(text: string): string {
  return /[`|\\]|^$|^\s|\s$|[\u0000-\u001f\u007f]/.test(text) ? `<code>${plain(text)}</code>` : `\`${text}\``;
}

/** Text from outside: what Markdown or HTML could take for markup is an entity; backslashes would not do in a table. */
function plain(text: string): string {
  return text
    .replaceAll(/[\u0000-\u001f\u007f]+/g, " ")
    .replaceAll(/[\\`*_{}[\]<>#!|&~@$^"']/g, (mark) => `&#${mark.charCodeAt(0)};`)
    .replaceAll("://", "&#58;//");
}
