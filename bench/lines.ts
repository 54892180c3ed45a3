import type { Edit } from "../dist/core/change.js";
import { formatOf } from "../dist/formats/registry.js";
import type { Figure, Section } from "./report.js";

/** Files as people write them: comments, blank lines, mixed quotes, odd spaces, an order of their own. */
const WRITTEN: Readonly<Record<string, { readonly text: string; readonly path: readonly string[] }>> = {
  "app.yaml": {
    path: ["server", "port"],
    text: `# The gateway. Ask Ada before you touch this.
server:   {host: "0.0.0.0",   port: 8080 }   # behind the proxy

rooms:            # kept in the order of the floors
   - 'attic'
   -   cellar
limits: &limits
    soft:  10
    hard: 0x20
backup: *limits
`,
  },
  "app.json": {
    path: ["server", "port"],
    text: `{ "server": {"host":"0.0.0.0" , "port":   8080},\n\n\t"rooms": [ "attic","cellar" ],\n  "limits": {\n      "soft": 10 } }\n`,
  },
  "app.toml": {
    path: ["server", "port"],
    text: `# The gateway.\ntitle='odd'   # quotes\n\n[server]\n  host = "0.0.0.0"\n  port=8_080     # behind the proxy\n\n[limits]\nsoft = 1.0\nhard = 0x20\n`,
  },
  "app.env": {
    path: ["PORT"],
    text: `# The gateway.\nexport HOST='0.0.0.0'\nPORT = 8080   # behind the proxy\n\nMOTD="two\\nlines"\n`,
  },
  "app.ini": {
    path: ["server", "port"],
    text: `; The gateway.\n[server]\nhost = 0.0.0.0\n   port=8080\n\n[limits]\nsoft=10\n`,
  },
  "app.properties": {
    path: ["port"],
    text: `! The gateway.\nhost   0.0.0.0\nport=8080\n\nmotd = two \\\n       lines\n`,
  },
};

/** Lines that differ once one value in a hand-formatted file was healed, against writing the parsed tree anew. */
export function lines(): Section {
  const figures = Object.entries(WRITTEN).map(([file, { text, path }]): Figure => {
    const format = formatOf(file);
    if (format === undefined) throw new Error(`no format for ${file}`);
    const options = { file };
    const flat = path.length === 1 || file.endsWith(".ini");
    const edit: Edit = { path, value: flat ? "9090" : 9090 };
    const edited = format.edit(text, [edit], options);
    const anew = format.edit(
      "",
      Object.entries(format.parse(edited, options).value as object).map(([key, value]): Edit => ({
        path: [key],
        value: value as Edit["value"],
      })),
      options,
    );
    const changed = changedLines(text, edited);
    return {
      what: file,
      ours: `${changed} of ${text.split("\n").length - 1}`,
      against: `the tree written anew: ${changedLines(text, anew)}`,
      goal: "1",
      met: changed === 1,
    };
  });
  return { title: "Lines changed by a heal of one value in a hand-formatted file", figures };
}

/** Lines of the old text that are not in the new one in their order (a longest common subsequence). */
function changedLines(before: string, after: string): number {
  const [a, b] = [before.split("\n"), after.split("\n")];
  let row = new Array<number>(b.length + 1).fill(0);
  for (const line of a) {
    const next = [0];
    b.forEach((other, index) => {
      next.push(line === other ? (row[index] ?? 0) + 1 : Math.max(row[index + 1] ?? 0, next[index] ?? 0));
    });
    row = next;
  }
  return Math.max(a.length, b.length) - (row.at(-1) ?? 0);
}
