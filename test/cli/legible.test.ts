import { styleText } from "node:util";
import { describe, expect, it } from "vitest";
import { errorText } from "../../src/cli/output/error.js";
import { legible } from "../../src/cli/output/legible.js";
import { markdownTable } from "../../src/cli/output/print.js";
import { hopMarkdown } from "../../src/cli/output/promotion.js";

/** Clears the screen, renames the window, rings, hides, goes to the line's begin, and turns the direction of writing. */
const EVIL = [
  "\u001b[2J",
  "\u001b]0;mine\u0007",
  "\u001b[8m",
  "\r",
  "\u009b2J",
  "\u202e",
  "\u0000",
  "\u007f",
  "\u001bc",
];

describe("text for a terminal", () => {
  it("gives no order to it, whatever it quotes", () => {
    for (const order of EVIL) expect(legible(`a${order}b`)).toMatch(/^a\u{fffd}[^\p{Cc}\p{Cf}]*b$/u);
    expect(errorText({ code: "USAGE", message: EVIL.join(""), hint: EVIL.join("") })).not.toMatch(/(?!\n)\p{Cc}/u);
  });

  it("keeps its lines, its tabs and its own colours", () => {
    const styles = ["red", "green", "yellow", "magenta", "cyan", "bold", "dim"] as const;
    const text = ["äß日本😀\tb\n", ...styles.map((style) => styleText(style, "x", { validateStream: false }))].join("");
    expect(text).toContain("\u001b[");
    expect(legible(text)).toBe(text);
  });
});

describe("an error", () => {
  it("is no command to a runner of GitHub Actions, on whatever line of it one stands", () => {
    const message = "no\n::error::mine\r\n \t::stop-commands::x\n##[set-output name=state;]promoted";
    const text = errorText({ code: "USAGE", message, hint: "a ##[add-mask]b" });
    expect(text).toContain("::error::mine");
    expect(text).not.toMatch(/^\s*::|##\[/m);
  });
});

describe("Markdown", () => {
  it("has no element, link or image from outside, and no cell is left early", () => {
    expect(markdownTable(["A"], [['<img src="x">|![x](http://e)\n']])).toBe(
      '| A |\n| --- |\n| &lt;img src="x">\\|!\\[x](http://e)  |\n',
    );
  });

  it("of a promotion mentions nobody that a commit names", () => {
    const id = "1a2b3c4d5e6f";
    const text = hopMarkdown({
      ...{
        from: "dev",
        to: "prod",
        state: "blocked",
        revision: id,
        reason: "against <b>x</b>",
        gates: [],
        changes: [],
      },
      ...{ commits: [{ id, author: "@ann", subject: "`a` <b> @bob [x](http://e)" }], next: ["see <b>"] },
    });
    expect(text).toContain(`- \`1a2b3c4d5e\` <code>`);
    expect(text).not.toMatch(/@|<b>|\]\(/);
  });
});
