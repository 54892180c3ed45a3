import { describe, expect, it } from "vitest";
import { suspend } from "../../src/cli/verbs/suspend.js";

/** What is wrong with the words is said before trueup.yaml is read: there is none. */
const globals = { config: "nowhere.yaml", output: "table", verbose: false } as const;

describe("the words of a suspension", () => {
  it.each(["", "4", "0h", "-4h", "9999999999d"])("%j is no duration", async (text) => {
    await expect(suspend(["prod"], { because: "INC-123", for: text }, globals)).rejects.toMatchObject({
      code: "USAGE",
      message: `\`${text}\` is not a duration`,
    });
  });

  it.each(["", " "])("%j is no reason", async (because) => {
    await expect(suspend(["prod"], { because, for: "4h" }, globals)).rejects.toMatchObject({
      code: "USAGE",
      message: "a suspension has a reason",
    });
  });
});
