/**
 * `npm run bench`: Trueup against what the bench itself builds to compare it with, each figure a ratio within one run.
 * `npm run bench -- idle cold` runs some of the sections only.
 */
import { cpus, totalmem } from "node:os";
import { cold } from "./cold.js";
import { comparing } from "./compare.js";
import { growth } from "./growth.js";
import { heal } from "./heal.js";
import { idle } from "./idle.js";
import { lines } from "./lines.js";
import { memory } from "./memory.js";
import { rendering } from "./render.js";
import { promotion } from "./promotion.js";
import { markdown, type Section } from "./report.js";
import { openWorld, type World } from "./world.js";

/** In a folder of its own; or over the world of 1,000 settings, 100 files and 500 topics, which is built when first needed. */
const sections: Readonly<Record<string, (world: () => Promise<World>) => Promise<Section>>> = {
  compare: () => Promise.resolve(comparing()),
  lines: () => Promise.resolve(lines()),
  render: () => rendering(),
  idle: async (world) => idle(await world()),
  cold: async (world) => cold(await world()),
  memory: async (world) => memory(await world()),
  heal: async (world) => heal(await world()),
  growth: async (world) => growth(await world()),
  promotion: async (world) => promotion(await world()),
};

async function main(wanted: readonly string[]): Promise<void> {
  const unknown = wanted.filter((name) => !Object.hasOwn(sections, name));
  if (unknown.length > 0) {
    process.stderr.write(`there is no section ${unknown.join(", ")}; there are ${Object.keys(sections).join(", ")}\n`);
    process.exitCode = 1;
    return;
  }
  const [cpu] = cpus();
  say(
    `Node ${process.version}, ${cpus().length} × ${cpu?.model ?? "?"}, ${Math.round(totalmem() / 2 ** 30)} GB, ${process.platform}\n`,
  );
  let opening: Promise<World> | undefined;
  const world = () => (opening ??= openWorld(say));
  try {
    for (const [name, section] of Object.entries(sections)) {
      if (wanted.length > 0 && !wanted.includes(name)) continue;
      process.stdout.write(markdown(await section(world)));
    }
  } finally {
    await (await opening)?.close();
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

await main(process.argv.slice(2));
