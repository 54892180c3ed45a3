import { describe, expect, it } from "vitest";
import { ago } from "../../src/cli/ago.js";

describe("--since", () => {
  it("is the moment that lies so long back", () => {
    const before = Date.now();
    const moment = Date.parse(ago("90m")) + 90 * 60_000;
    expect(moment).toBeGreaterThanOrEqual(before);
    expect(moment).toBeLessThanOrEqual(Date.now());
  });

  it.each([
    ["0s", "`0s` is not a duration"],
    ["-1h", "`-1h` is not a duration"],
    ["yesterday", "`yesterday` is not a duration"],
    ["99999999d", "`99999999d` reaches back before 1970"],
    ["9".repeat(400) + "d", "reaches back before 1970"],
  ])("is not %s", (text, message) => {
    expect(() => ago(text)).toThrow(
      expect.objectContaining({ code: "USAGE", message: expect.stringContaining(message) as string }),
    );
  });
});
