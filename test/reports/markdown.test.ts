import { describe, expect, it } from "vitest";
import { compileReport } from "../../src/reports/compile.js";
import { reportMarkdown } from "../../src/reports/markdown.js";
import { believableWeek, inputOf } from "../support/report-week.js";

/** The cells of each row of each table: a `|` that no backslash escapes parts two. */
function rows(markdown: string): string[][] {
  const lines = markdown.split("\n").filter((line) => line.startsWith("|"));
  return lines.map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}

describe("the report as Markdown", () => {
  it("has each table, with as many cells in each row", () => {
    const text = reportMarkdown(compileReport(believableWeek()));
    expect(text.match(/^#+ .*/gm)).toEqual([
      "# Drift report",
      "## Open now",
      "## Drift by day",
      "## Time to resolve",
      "## Noisiest settings",
      "## How to read this",
    ]);
    expect(rows(text)).toContainEqual(expect.arrayContaining(["dev/host `/app.env/LOG_LEVEL`"]) as string[]);
  });

  it("takes nothing from outside for markup", () => {
    const path = "/a|b`c`*d*_e_<img src=x>\n# title\\";
    const target = "[x](https://evil.example)@all";
    const rule = "**bold** | <b>";
    const drift = { environment: "prod", target, path, severity: "high" as const };
    const text = reportMarkdown(
      compileReport(
        inputOf([{ ...drift, at: 1, type: "drifted" }], {
          open: [{ ...drift, kind: "modified", rule, live: "a|b", desired: "```" }],
        }),
      ),
    );
    for (const piece of ["<img", "](http", "**bold**", "<b>", "@all", "\n# title", "```"]) {
      expect(text, piece).not.toContain(piece);
    }
    const heads = rows(text).filter((cells) => cells.every((cell) => cell === "---"));
    expect(heads.length).toBeGreaterThan(3);
    const open = rows(text).filter((cells) => cells[0] === "high");
    expect(open).toHaveLength(1);
    expect(open[0]).toHaveLength(7);
    expect(open[0]?.[1]).toContain("<code>/a&#124;b&#96;c&#96;");
  });

  it("is short where nothing happened", () => {
    const text = reportMarkdown(compileReport(inputOf([])));
    expect(text).toContain("No drift was found in 1 environment. None is open.");
    expect(text).not.toContain("## Open now");
  });
});
