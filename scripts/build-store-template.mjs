// Packs an empty embedded store beside the code that unpacks it: making one takes seconds and 700 MB of memory, unpacking half
// a second. Where none can be packed here, a store makes itself at its first start, so this never fails a build.
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const migrations = "dist/store/migrations";

try {
  await build();
} catch (error) {
  console.warn(`The template of the embedded store was not built, so its first start will take seconds: ${error}`);
}

async function build() {
  const { EMBEDDED_DIRECTORY, TEMPLATE } = await import("../dist/store/embedded.js");
  const sources = [
    "scripts/build-store-template.mjs",
    "node_modules/@electric-sql/pglite/package.json",
    "dist/store/embedded.js",
    ...readdirSync(migrations).map((name) => `${migrations}/${name}`),
  ];
  const digest = createHash("sha256");
  for (const file of sources) digest.update(readFileSync(file)).update("\0");
  const key = digest.digest("hex");
  const stamp = `${TEMPLATE}.sha256`;
  if (existsSync(TEMPLATE) && existsSync(stamp) && readFileSync(stamp, "utf8") === key) return;

  rmSync(TEMPLATE, { force: true });
  const directory = mkdtempSync(join(tmpdir(), "trueup-template-"));
  try {
    const { openStore } = await import("../dist/store/open.js");
    await (await openStore({ stateDirectory: directory })).close();
    const { PGlite } = await import("@electric-sql/pglite");
    const database = await PGlite.create(join(directory, EMBEDDED_DIRECTORY));
    // From a fresh segment of the log: where the template ended amid one, some of the stores that were made of it did not open
    // a second time, for want of their last checkpoint.
    await database.exec("SELECT pg_switch_wal(); CHECKPOINT");
    const tar = await database.dumpDataDir("none");
    await database.close();
    // Renamed into place: a build that is interrupted leaves no half of one.
    writeFileSync(`${TEMPLATE}.new`, gzipSync(Buffer.from(await tar.arrayBuffer()), { level: 9 }));
    renameSync(`${TEMPLATE}.new`, TEMPLATE);
    writeFileSync(stamp, key);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
