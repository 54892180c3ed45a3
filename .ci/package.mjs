// Packs the package as npm would publish it, installs it as an operator would, without what only developers need, and runs it.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "trueup-package-"));
try {
  // The build was made and judged already; packing must not make another.
  const packed = run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], process.cwd());
  const [{ filename, files, size }] = JSON.parse(packed);
  const names = files.map(({ path }) => path);
  const expected = [
    "dist/cli/main.js",
    "dist/store/migrations/0001_initial.sql",
    "README.md",
    "LICENSE",
    "policies/drift.yaml",
  ];
  const missing = expected.filter((name) => !names.includes(name));
  const surplus = names.filter(
    (name) =>
      !/^(dist\/.+\.(js|sql|tar\.gz|gz|sha256)|dist\/cli\/init\/template\/.+|(environments|policies|docs)\/.+|[A-Z]+(\.md)?|package\.json)$/.test(
        name,
      ),
  );
  if (missing.length > 0) throw new Error(`not in the package: ${missing.join(", ")}`);
  if (surplus.length > 0) throw new Error(`in the package, and nobody needs it: ${surplus.join(", ")}`);

  writeFileSync(join(folder, "package.json"), "{}");
  run("npm", [
    "install",
    "--omit=dev",
    "--omit=optional",
    "--no-audit",
    "--no-fund",
    "--prefer-offline",
    join(folder, filename),
  ]);
  const trueup = join(folder, "node_modules", ".bin", "trueup");
  const help = run(trueup, ["--help"]);
  if (!help.includes("Usage: trueup")) throw new Error(`trueup --help says:\n${help}`);
  run(trueup, ["init", "world"]);
  const world = join(folder, "world");
  if (!existsSync(join(world, "trueup.yaml"))) throw new Error("trueup init wrote no trueup.yaml");
  run(trueup, ["validate"], world);
  console.log(
    `${names.length} files, ${(size / 1e6).toFixed(1)} MB packed; installed, trueup --help, init and validate run`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function run(command, args, cwd = folder) {
  return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}
