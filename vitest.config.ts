import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** They start nothing and keep nothing between tests: one process after the other would only read the same modules again. */
const PURE = ["core", "formats", "lib", "policies", "config"].map((folder) => `test/${folder}/**/*.test.ts`);

/** Short to read and long to run. Where no times are known, files begin by their size: these would hold up the end alone. */
const LONG = /\/(reconcile\/kill|store\/embedded|targets\/.*(contract|system)|docs\/cli|cli\/promotion)\.test\.ts$/;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification): boolean => LONG.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

const COMMON = {
  setupFiles: ["test/support/seed.ts"],
  testTimeout: 30_000,
  hookTimeout: 60_000,
  pool: "forks" as const,
};

export default defineConfig({
  test: {
    // Three workers on CI's two cores: the suites start real servers, and many of them wait more than they work.
    maxWorkers: 3,
    sequence: { sequencer: LongFirst },
    projects: [
      { test: { ...COMMON, name: "systems", include: ["test/**/*.test.ts"], exclude: PURE } },
      { test: { ...COMMON, name: "pure", include: PURE, isolate: false } },
    ],
  },
});
