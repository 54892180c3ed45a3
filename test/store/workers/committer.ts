/**
 * A process that saves to the embedded store without end, and reports each save once it is committed: the n-th saves n as
 * the status of `settings`, the document of n times 1 kB (up to 100), and the event n. Argument: the state directory.
 */
import { openStore } from "../../../src/store/open.js";

const [stateDirectory = ""] = process.argv.slice(2);
const store = await openStore({ stateDirectory });
const last = Number((await store.records.load("prod")).get("settings")?.status ?? "0");

for (let n = last + 1; ; n += 1) {
  await store.records.save("prod", "settings", {
    record: { status: String(n), lastApplied: JSON.stringify("x".repeat((n % 100) * 1000)) },
    events: [{ environment: "prod", type: "applied", message: String(n) }],
  });
  process.send?.(n);
}
