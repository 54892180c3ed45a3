import Table from "cli-table3";

export interface TableOptions {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Columns that may be cut when the terminal is narrow, the first one first. */
  readonly shrink: readonly number[];
}

const NONE = {
  ...{
    top: "",
    "top-mid": "",
    "top-left": "",
    "top-right": "",
    bottom: "",
    "bottom-mid": "",
    "bottom-left": "",
    "bottom-right": "",
  },
  ...{ left: "", "left-mid": "", mid: "", "mid-mid": "", right: "", "right-mid": "", middle: "  " },
};

/** Columns without lines, cut to the terminal where there is one: a file or a pipe gets every character. */
export function table({ head, rows, shrink }: TableOptions): string {
  const widths = head.map((title, column) => Math.max(width(title), ...rows.map((row) => width(row[column] ?? ""))));
  const columns = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
  fit(widths, shrink, columns);
  const drawn = new Table({
    head: [...head],
    colWidths: widths,
    chars: NONE,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  drawn.push(...rows.map((row) => [...row]));
  return `${drawn
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")}\n`;
}

const NARROWEST = 12;

function fit(widths: number[], shrink: readonly number[], columns: number): void {
  const over = (): number => widths.reduce((sum, one) => sum + one + 2, -2) - columns;
  for (const column of shrink) {
    const now = widths[column] ?? 0;
    if (over() > 0) widths[column] = Math.max(Math.min(now, NARROWEST), now - over());
  }
  // Narrower still: the widest column gives, whichever it is. A pipe gets it whole.
  while (over() > 0 && Math.max(...widths) > NARROWEST / 2) {
    const widest = widths.indexOf(Math.max(...widths));
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
}

function width(text: string): number {
  // What a colour adds is not seen.
  return Math.max(
    ...text
      .replaceAll(/\u001b\[\d+m/g, "")
      .split("\n")
      .map((line) => [...new Intl.Segmenter().segment(line)].length),
  );
}
