import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** A check of structure that cannot fail is worse than none: each rule is broken here on purpose, in a copy of the tree. */
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const COPIED = [
  "src",
  "tsconfig.json",
  "tsconfig.base.json",
  "eslint.config.js",
  ".dependency-cruiser.cjs",
  "package.json",
];
const BIN = join(ROOT, "node_modules", ".bin");

let copy: string;

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), "trueup-boundaries-"));
  for (const name of COPIED) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
});
afterAll(() => {
  rmSync(copy, { recursive: true, force: true });
});

interface Verdict {
  readonly code: number;
  readonly output: string;
}

function run(command: string, ...args: readonly string[]): Promise<Verdict> {
  return new Promise((resolve) => {
    execFile(
      join(BIN, command),
      args,
      { cwd: copy, env: { ...process.env, NO_COLOR: "1" } },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ code, output: `${stdout}${stderr}` });
      },
    );
  });
}

/** What a check says of the copy with these files in it. */
async function withFiles(files: Readonly<Record<string, string>>, check: () => Promise<Verdict>): Promise<Verdict> {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(copy, name), text);
  try {
    return await check();
  } finally {
    for (const name of Object.keys(files)) rmSync(join(copy, name));
  }
}

describe("the core's own tsconfig", () => {
  const compile = () => run("tsc", "--noEmit", "-p", "src/core");
  const forbidden = [
    { what: "a module of Node", text: 'import "node:fs";\n', named: "node:fs" },
    { what: "the process", text: "export const x = process.env;\n", named: "process" },
    { what: "a logger", text: 'console.log("x");\n', named: "console" },
    { what: "a timer", text: "setTimeout(() => undefined, 1);\n", named: "setTimeout" },
    { what: "the rest of the tree", text: 'export * from "../lib/duration.js";\n', named: "rootDir" },
  ];
  const place = (index: number) => `src/core/intruder${index}.ts`;

  it("compiles the core as it is", async () => {
    expect(await compile()).toEqual({ code: 0, output: "" });
  });

  it(`refuses ${forbidden.map(({ what }) => what).join(", ")}`, async () => {
    const files = Object.fromEntries(forbidden.map(({ text }, index) => [place(index), text]));
    const { code, output } = await withFiles(files, compile);
    expect(code).not.toBe(0);
    const lines = output.split("\n");
    for (const [index, { named }] of forbidden.entries()) {
      // The error of rootDir stands where the file is imported, or at the file that imports.
      expect(lines).toContainEqual(
        expect.stringMatching(named === "rootDir" ? /'rootDir'/ : `intruder${index}.*${named}`),
      );
    }
  });

  it("leaves the clock and chance to lint, which refuses them", async () => {
    const text = "export const x = Date.now();\nexport const y = Math.random();\n";
    const { code, output } = await withFiles({ [place(0)]: text }, () => run("eslint", place(0)));
    expect(code).toBe(1);
    expect(output).toContain("'Date'");
    expect(output).toContain("'Math.random'");
  });
});

describe("the import rules", () => {
  const cruise = () => run("depcruise", "src", "--config", ".dependency-cruiser.cjs");
  const broken = [
    ["an-adapter-of-targets-knows-no-other", "src/targets/files", "../mqtt/index.js"],
    ["an-adapter-of-targets-knows-no-other", "src/targets/postgres-table", "../postgres-settings/index.js"],
    ["an-adapter-of-targets-knows-no-other", "src/targets/postgres-settings", "../postgres-table/index.js"],
    ["an-adapter-of-targets-knows-no-other", "src/targets/mqtt", "../postgres-table/sql.js"],
    ["an-adapter-of-targets-knows-no-other", "src/targets/postgres", "../postgres-table/sql.js"],
    ["core-knows-nobody", "src/core", "yaml"],
    ["lib-knows-core", "src/lib", "../formats/format.js"],
    ["formats-knows-core-and-lib", "src/formats", "../targets/target.js"],
    ["git-knows-core-and-lib", "src/git", "../store/store.js"],
    ["store-knows-core-and-lib", "src/store", "../git/source.js"],
    ["targets-knows-core-and-lib-and-formats", "src/targets/mqtt", "../../store/store.js"],
    ["only-the-registry-names-an-adapter-of-targets", "src/reconcile", "../targets/files/index.js"],
    ["notifiers-knows-core-and-lib", "src/notifiers", "../forges/forge.js"],
    ["an-adapter-of-notifiers-knows-no-other", "src/notifiers/slack", "../webhook/index.js"],
    ["only-the-registry-names-an-adapter-of-notifiers", "src/delivery", "../notifiers/slack/index.js"],
    ["forges-knows-core-and-lib", "src/forges", "../notifiers/notifier.js"],
    ["an-adapter-of-forges-knows-no-other", "src/forges/local", "../github/index.js"],
    ["only-the-registry-names-an-adapter-of-forges", "src/reconcile", "../forges/local/index.js"],
    ["nobody-knows-the-face", "src/reconcile", "../cli/exit.js"],
    ["no-unresolved", "src/lib", "./nowhere.js"],
    ["no-dev-dependency-in-the-product", "src/lib", "fast-check"],
    ["no-circular", "src/lib", "./intruder21.js"],
  ] as const;

  it("hold for the tree as it is, and look at it", async () => {
    const { code, output } = await cruise();
    expect(output).toMatch(/no dependency violations found \([1-9]\d{2,} modules/);
    expect(code).toBe(0);
  });

  it("are each reported where they are broken, types included", async () => {
    const files = Object.fromEntries(
      broken.map(([, folder, name], index) => [`${folder}/intruder${index}.ts`, `import type {} from "${name}";\n`]),
    );
    const { code, output } = await withFiles(files, cruise);
    expect(code).not.toBe(0);
    for (const [index, [rule, folder]] of broken.entries()) {
      expect(output).toContain(`error ${rule}: ${folder}/intruder${index}.ts`);
    }
  });
});
