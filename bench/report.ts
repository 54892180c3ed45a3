/** One line of the report. */
export interface Figure {
  readonly what: string;
  readonly ours: string;
  /** What it is compared with, and what that took; left out where the figure stands by itself. */
  readonly against?: string | undefined;
  readonly ratio?: number | undefined;
  readonly goal?: string | undefined;
  readonly met?: boolean | undefined;
}

export interface Section {
  readonly title: string;
  readonly figures: readonly Figure[];
  /** Sentences below the table; what was left out, and why. */
  readonly notes?: readonly string[];
}

export function ms(milliseconds: number): string {
  return milliseconds < 10 ? `${milliseconds.toFixed(2)} ms` : `${Math.round(milliseconds)} ms`;
}

/** A figure that is a ratio with an upper bound. */
export function ratioFigure(
  what: string,
  of: { ours: number; theirs: number; ratio: number; name: string; goal?: number },
): Figure {
  return {
    what,
    ours: ms(of.ours),
    against: `${of.name}: ${ms(of.theirs)}`,
    ratio: of.ratio,
    ...(of.goal === undefined ? {} : { goal: `≤ ${of.goal} ×`, met: of.ratio <= of.goal }),
  };
}

export function markdown({ title, figures, notes = [] }: Section): string {
  const rows = figures.map(({ what, ours, against = "", ratio, goal = "", met }) => [
    ...[what, ours, against],
    ...[ratio === undefined ? "" : `${ratio.toFixed(2)} ×`, goal, met === undefined ? "" : met ? "met" : "**missed**"],
  ]);
  const table =
    rows.length === 0
      ? ""
      : `${lines([["", "Trueup", "compared with", "ratio", "goal", ""], ["---", "---:", "---", "---:", "---:", "---"], ...rows])}\n`;
  return `## ${title}\n\n${table}${notes.map((note) => `${note}\n`).join("\n")}${notes.length > 0 ? "\n" : ""}`;
}

function lines(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `| ${row.join(" | ")} |\n`).join("");
}
