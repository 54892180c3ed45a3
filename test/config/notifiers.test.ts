import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/config.js";
import { TrueupError } from "../../src/core/errors.js";
import { compileRoutes } from "../../src/delivery/routes.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "trueup-notifiers-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** `notifiers` begins on line 3. */
const load = (notifiers: string) => {
  const file = join(folder, "trueup.yaml");
  writeFileSync(file, `repository: { url: . }\nenvironments: { prod: {} }\nnotifiers:\n${notifiers}`);
  return loadConfig(file, {});
};
const SECRET = "https://hooks.example/T0/s3cret";
const HOOK = `  - kind: webhook\n    url: ${SECRET}\n`;

/** As `trueup run` reads it: the file, then its conditions and windows. */
const fault = async (notifiers: string): Promise<TrueupError> => {
  try {
    await compileRoutes(load(notifiers));
  } catch (error) {
    if (error instanceof TrueupError) return error;
  }
  throw new Error("nothing was refused");
};

describe("notifiers in trueup.yaml", () => {
  it.each([
    ["a key that is near one of the kind's", `${HOOK}    secert: x\n`, "unknown key `secert`", "secret", [6, 13]],
    ["a key that is near one that all have", `${HOOK}    whne: "true"\n`, "unknown key `whne`", "when", [6, 11]],
    ["a kind that there is not", "  - kind: slak\n", "there is no kind of notifier `slak`", "slack", [4, 11]],
    ["an address that is none", "  - kind: webhook\n    url: hooks\n", "`notifiers.0.url` is not valid", "", [5, 10]],
    [
      "a login in an address",
      "  - kind: webhook\n    url: https://me:s3cret@x.example\n",
      "must not have a user",
      "",
      [5, 10],
    ],
    ["no address", "  - kind: webhook\n", "must be an http:// or https:// address", "", [4, 5]],
    ["two that are called the same", HOOK + HOOK, "two notifiers are called `webhook`", "another `name`", [6, 5]],
    ["a name with a blank", `${HOOK}    name: on call\n`, "`notifiers.0.name` is not valid", "", [6, 11]],
    [
      "an escalation to nobody",
      `${HOOK}    escalate: { after: 1h, to: webhok }\n`,
      "`escalate.to` names no notifier: `webhok`",
      "webhook",
      [6, 32],
    ],
    ["an escalation without a time", `${HOOK}    escalate: { after: soon }\n`, "expected a duration", "", [6, 24]],
    ["a condition that is no CEL", `${HOOK}    when: severity in [\n`, "", "", [6, 11]],
    [
      "a condition on what there is not",
      `${HOOK}    when: severty == "high"\n`,
      "severty",
      "docs/notifiers.md",
      [6, 11],
    ],
    ["a condition that is no condition", `${HOOK}    when: severity\n`, "", "docs/notifiers.md", [6, 11]],
    [
      "quiet hours that never come",
      `${HOOK}    quiet: { cron: "0 22 31 2 *", duration: 8h }\n`,
      "never comes",
      "",
      [6, 20],
    ],
    ["a digest at no time", `${HOOK}    digest: { cron: daily }\n`, "is not a cron expression", "five fields", [6, 21]],
    [
      "a time zone that there is not",
      `${HOOK}    digest: { cron: "0 7 * * *", timezone: Europe/Berln }\n`,
      "`Europe/Berln` is not a time zone",
      "Europe/Berlin",
      [6, 44],
    ],
  ])("refuse %s, and say where", async (_, notifiers, ...said) => {
    const [message, hint, [line, column]] = said;
    const error = await fault(notifiers);
    expect(error).toMatchObject({ code: "CONFIG_INVALID", where: { file: join(folder, "trueup.yaml"), line, column } });
    expect(error.message).toContain(message);
    expect(error.hint ?? "").toContain(hint);
    expect(error.message + (error.hint ?? "")).not.toContain("s3cret");
  });

  it("take paths relative to the file, wherever the command is run", () => {
    const broker = (ca: string) =>
      load(`  - kind: mqtt\n    url: mqtts://broker.example\n    ca: ${ca}\n`).notifiers[0]?.spec;
    expect(broker("certs/ca.pem")).toMatchObject({ ca: join(folder, "certs/ca.pem") });
    expect(broker("/etc/ca.pem")).toMatchObject({ ca: "/etc/ca.pem" });
  });
});
