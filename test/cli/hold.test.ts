import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { hold, type HoldOptions } from "../../src/cli/verbs/hold.js";
import { makeWorld, serverStore, TRUEUP_YAML, type World } from "../support/cli.js";
import { answer } from "../support/json-shapes.js";

// The last ones run a process a command; a busy machine takes its time.
vi.setConfig({ testTimeout: 120_000 });

/** What is wrong with the words is said before trueup.yaml is read: there is none. */
const refused = (options: HoldOptions, word?: string) =>
  hold({ word, path: undefined }, options, { config: "nowhere.yaml", output: "table", verbose: false });

describe("the words of a hold", () => {
  const WHAT = "dev/host";
  const because = "INC-123";

  it.each(["", "4", "h", "0h", "-4h", "4 hours", "4w", "1h30m", "1e3h", "9999999999d"])(
    "%j is no duration",
    async (text) => {
      await expect(refused({ for: text, because }, WHAT)).rejects.toMatchObject({
        code: "USAGE",
        message: `\`${text}\` is not a duration`,
        hint: "write it as 30m, 4h or 7d",
      });
    },
  );

  it.each(["", "tomorrow", "2027-02-30", "2027-1-1", "2027-01-31 18:00", "2027-01-31T18:00:00"])(
    "%j is no end",
    async (text) => {
      await expect(refused({ until: text, because }, WHAT)).rejects.toMatchObject({
        code: "USAGE",
        message: `\`${text}\` is not an end`,
        hint: expect.stringMatching(/2027-01-31T18:00:00Z/) as string,
      });
    },
  );

  it.each<[string, HoldOptions, string | undefined, string]>([
    ["without an end", { because }, WHAT, "a hold has an end"],
    ["without a reason", { for: "4h" }, WHAT, "a hold has a reason"],
    ["without either", {}, WHAT, "a hold has an end"],
    ["with an empty reason", { for: "4h", because: " " }, WHAT, "a hold has a reason"],
    ["with an empty owner", { for: "4h", because, owner: "" }, WHAT, "a hold has an owner"],
    [
      "that is set and released at once",
      { for: "4h", because, release: true },
      WHAT,
      "a hold is set or released, not both",
    ],
    ["that is released with a reason", { because, release: true }, WHAT, "a hold is set or released, not both"],
    ["of nothing", { for: "4h", because }, undefined, "what is to be held?"],
    ["of nothing, with an owner", { owner: "ann" }, undefined, "what is to be held?"],
    ["of nothing, released", { release: true }, undefined, "what is to be held?"],
  ])("one %s is refused, with what to write", async (_, options, word, message) => {
    await expect(refused(options, word)).rejects.toMatchObject({
      code: "USAGE",
      message,
      hint: expect.stringMatching(/trueup hold|--release|--owner/) as string,
    });
  });
});

describe("trueup hold", () => {
  let world: World;
  let store: Awaited<ReturnType<typeof serverStore>>;
  beforeAll(async () => {
    store = await serverStore();
    world = await makeWorld({ config: TRUEUP_YAML + store.line });
  });
  afterAll(async () => {
    world.remove();
    await store.close();
  });
  const run = (...words: string[]) => world.run(["hold", ...words]);

  it("holds, lists and releases", async () => {
    const set = await run(
      "dev/host",
      "/app.yaml/server",
      "--until",
      "2999-01-31",
      "--because",
      "INC-123",
      "-o",
      "json",
    );
    expect(set).toMatchObject({ code: 0, stderr: "" });
    expect(answer("hold", set.stdout)).toMatchObject({
      did: "held",
      holds: [{ path: "/app.yaml/server", source: "person", reason: "INC-123", until: "2999-01-31T23:59:59.999Z" }],
    });
    const listed = await run();
    expect(listed.stdout).toMatch(/^ENVIRONMENT +TARGET +SETTING +OWNER +UNTIL +FINDINGS +REASON *\n/);
    expect(listed.stdout).toContain("2999-01-31T23:59:59.999Z");
    const released = await run("dev/host", "/app.yaml/server", "--release");
    expect(released.stdout).toBe("dev/host /app.yaml/server is released: drift is judged anew with the next pass\n");
    expect((await run()).stdout).toBe("nothing is held\n");
  });

  it("says what is wrong, once, and sets nothing", async () => {
    const both = await run("dev/host", "--for", "4h", "--until", "2999-01-31", "--because", "x");
    expect(both).toMatchObject({ code: 1, stdout: "" });
    expect(both.stderr).toContain("'--for <duration>' cannot be used with option '--until <end>'");
    const past = await run("dev/host", "--until", "2020-01-31", "--because", "x");
    expect(past).toMatchObject({ code: 1, stdout: "" });
    expect(past.stderr).toContain("the hold would have ended at 2020-01-31T23:59:59.999Z (USAGE)");
    const slip = await run("dev/host", "app.yaml", "--for", "4h", "--because", "x");
    expect(slip.stderr).toContain("`app.yaml` is not a setting (USAGE)");
    expect((await run()).stdout).toBe("nothing is held\n");
  });
});
