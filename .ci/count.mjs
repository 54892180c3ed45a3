// node .ci/count.mjs REPORT STATUS: prints `PASSED FAILED` from vitest's JSON report on stdout, and what was skipped on stderr.
import { readFileSync } from "node:fs";

const [file, status] = process.argv.slice(2);
const report = read(file);
const files = report?.testResults ?? [];
const tests = files.flatMap((one) => one.assertionResults);
const having = (...states) => tests.filter((test) => states.includes(test.status));

// A file that does not load has no test that could fail.
const broken = files.filter(
  (one) => one.status === "failed" && !one.assertionResults.some((test) => test.status === "failed"),
);
let failed = having("failed").length + broken.length;
// An unhandled error, a time-out or a crash fails the run and no test.
if (report === undefined) console.error(`\nvitest left no report: it crashed or took too long (status ${status})`);
if (failed === 0 && (status !== "0" || report === undefined)) failed = 1;

const skipped = having("pending", "skipped", "todo");
if (skipped.length > 0) {
  console.error(`\n${skipped.length} tests were skipped:`);
  for (const reason of new Set(skipped.map((test) => `  ${test.fullName}`))) console.error(reason);
}
console.log(`${having("passed").length} ${failed}`);

function read(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}
