// node scripts/demo-picture.mjs: runs the demonstration and draws what it really printed as docs/images/demo.svg.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const LAST = "trueup history";
const COLORS = { 31: "#f85149", 32: "#3fb950", 33: "#d29922", 35: "#bc8cff", 36: "#39c5cf" };
const SIZE = { character: 7.83, line: 19, margin: 18 };

const lines = (await demonstration()).split("\n");
mkdirSync("docs/images", { recursive: true });
writeFileSync("docs/images/demo.svg", picture(["$ npm ci && npm start", ...lines]));

/** What it prints until it waits for Ctrl-C, which it is then given. */
async function demonstration() {
  const cwd = mkdtempSync(join(tmpdir(), "trueup-"));
  const child = spawn(process.execPath, [join(process.cwd(), "dist/demo/main.js")], {
    cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, FORCE_COLOR: "1" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  let told;
  child.stdout.setEncoding("utf8").on("data", (chunk) => {
    text += chunk;
    if (told === undefined && text.includes(LAST) && text.endsWith("\n")) {
      told = text;
      child.kill("SIGINT");
    }
  });
  await new Promise((resolve) => child.once("close", resolve));
  rmSync(cwd, { recursive: true, force: true });
  if (told === undefined) throw new Error(`the demonstration ended early:\n${text}`);
  return told.trimEnd();
}

function picture(lines) {
  const spans = lines.map(styled);
  const columns = Math.max(...spans.map((line) => line.reduce((sum, { text }) => sum + text.length, 0)));
  const width = Math.ceil(columns * SIZE.character + 2 * SIZE.margin);
  const height = lines.length * SIZE.line + 2 * SIZE.margin;
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
