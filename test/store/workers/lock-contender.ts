/**
 * A process that takes and leaves a state directory over and over, and writes into a journal when: `enter <pid>` and
 * `leave <pid>`. Every tenth time it dies while it holds it. Arguments: the state directory, the journal.
 */
import { appendFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { waitForDirectory } from "../../../src/store/directory-lock.js";

const [directory = "", journal = ""] = process.argv.slice(2);
const write = (what: string): void => {
  appendFileSync(journal, `${what} ${process.pid}\n`);
};

for (;;) {
  const lock = await waitForDirectory(directory, { patience: 60_000 });
  write("enter");
  await delay(Math.random() * 3);
  if (Math.random() < 0.1) process.kill(process.pid, "SIGKILL");
  write("leave");
  await lock.release();
}
