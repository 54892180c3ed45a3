// node scripts/demo-picture.mjs: runs the demonstration, approves its promotion as a second terminal would, and draws what
// both really printed as docs/images/demo.svg.
import { execFile, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const LAST = "trueup history";
const END = "\u001b[1mThe controller goes on";
const APPROVAL = ["promote", "staging", "prod", "--approve", "--config", ".trueup/trueup.yaml"];
const ARRIVED = ["prod/settings: ", "prod/broker: ", "prod/host: "].map((target) => `${target}synced `);
/** Columns of the terminal: as many as are legible where the picture is shown. */
const COLUMNS = 134;
const COLORS = { 31: "#f85149", 32: "#3fb950", 33: "#d29922", 35: "#bc8cff", 36: "#39c5cf" };
const SIZE = { character: 7.83, line: 19, margin: 18 };

const lines = (await demonstration()).split("\n");
mkdirSync("docs/images", { recursive: true });
writeFileSync("docs/images/demo.svg", picture(["$ npm ci && npm start", ...lines]));

/** What it prints until it waits for Ctrl-C, and then to the approval. */
async function demonstration() {
  const cwd = mkdtempSync(join(tmpdir(), "trueup-"));
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, FORCE_COLOR: "1" };
  const child = spawn(process.execPath, [join(process.cwd(), "dist/demo/main.js")], {
    cwd,
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = new Promise((resolve) => child.once("close", resolve));
  let text = "";
  let awaited = () => undefined;
  child.stdout.setEncoding("utf8").on("data", (chunk) => {
    text += chunk;
    awaited();
  });
  /** Resolves with what was printed from there on, once all of it was. */
  const printed = (words, from = 0) =>
    new Promise((resolve, reject) => {
      awaited = () => {
        const plain = text.slice(from).replaceAll(/\u001b\[[\d;]*m/g, "");
        if (words.every((word) => plain.includes(word)) && plain.endsWith("\n")) resolve(text.slice(from).trimEnd());
      };
      awaited();
      void closed.then(() => reject(new Error(`the demonstration ended early:\n${text}`)));
    });
  try {
    const tour = await printed([LAST]);
    const from = text.length;
    const approving = promisify(execFile)(process.execPath, [join(process.cwd(), "dist/cli/main.js"), ...APPROVAL], {
      cwd,
      env,
    });
    const [arrival, { stdout }] = await Promise.all([printed(ARRIVED, from), approving]);
    const [answer] = stdout.split("\n");
    // The commands that it ends with are in the README, beside the picture.
    const shown = tour.slice(0, tour.indexOf(END));
    const arrived = arrival.split("\n").filter((line) => /synced|promoted/.test(line));
    return [shown.trimEnd(), "", `$ npx trueup ${APPROVAL.join(" ")}`, answer, "", ...arrived].join("\n");
  } finally {
    child.kill("SIGINT");
    await closed;
    rmSync(cwd, { recursive: true, force: true });
  }
}

function picture(lines) {
  const spans = lines.map(styled).flatMap(wrapped);
  const columns = Math.max(...spans.map((line) => line.reduce((sum, { text }) => sum + text.length, 0)));
  const width = Math.ceil(columns * SIZE.character + 2 * SIZE.margin);
  const height = spans.length * SIZE.line + 2 * SIZE.margin;
  const rows = spans.map((line, index) => {
    const words = line.map(({ text, style }) => `<tspan${style}>${escape(text)}</tspan>`).join("");
    return `<text x="${SIZE.margin}" y="${SIZE.margin + (index + 0.75) * SIZE.line}">${words}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="Output of npm start">
<style>text { font: 13px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #e6edf3; white-space: pre }</style>
<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>
${rows.join("\n")}
</svg>
`;
}

/** A line that is too long goes on in the next one, at a word, below where it began. */
function wrapped(pieces) {
  const words = pieces.flatMap(({ text, style }) =>
    text.split(/(?<= )(?=[^ ])/).map((word) => ({ text: word, style })),
  );
  const indent = /^ */.exec(pieces.map(({ text }) => text).join(""))[0] + "  ";
  const lines = [[]];
  let columns = 0;
  for (const word of words) {
    if (columns > 0 && columns + word.text.trimEnd().length > COLUMNS) {
      lines.push([{ text: indent, style: "" }]);
      columns = indent.length;
    }
    lines.at(-1).push(word);
    columns += word.text.length;
  }
  return lines;
}

/** Splits a line at its SGR sequences: the pieces, each with the attributes that hold for it. */
function styled(line) {
  let [bold, dim, color] = [false, false, undefined];
  const pieces = [];
  for (const [index, part] of line.split(/\u001b\[([\d;]*)m/).entries()) {
    if (index % 2 === 0) {
      const attributes = [bold && ' font-weight="bold"', dim && ' opacity="0.6"', color && ` fill="${color}"`];
      if (part !== "") pieces.push({ text: part, style: attributes.filter(Boolean).join("") });
      continue;
    }
    for (const code of part.split(";").map(Number)) {
      if (code === 1) bold = true;
      else if (code === 2) dim = true;
      else if (code === 22) bold = dim = false;
      else if (code === 39 || code === 0) color = undefined;
      else color = COLORS[code] ?? color;
    }
  }
  return pieces;
}

function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
