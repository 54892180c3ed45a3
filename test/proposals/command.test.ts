import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TrueupError } from "../../src/core/errors.js";
import { answerTo, refusal } from "../../src/proposals/answer.js";
import { COMMANDS, parseCommand } from "../../src/proposals/command.js";

const AT = "2026-11-21T12:00:00Z";
const parse = (text: string) => parseCommand(text, AT);
const faultOf = (text: string): string => {
  try {
    return JSON.stringify(parse(text));
  } catch (error) {
    if (!(error instanceof TrueupError) || error.code !== "USAGE") throw error;
    return `${error.message}; ${error.hint ?? ""}`;
  }
};

describe("a command of a comment", () => {
  it("holds all of the pull request, or one setting, counted from the comment", () => {
    const until = "2026-11-21T16:00:00.000Z";
    expect(parse("hold 4h because INC-123")).toEqual({ verb: "hold", until, reason: "INC-123" });
    expect(parse("hold /pool/max for 4h because of  that")).toMatchObject({ setting: "/pool/max", reason: "of  that" });
    expect(parse("HOLD `/a b/c` 4h Because x")).toMatchObject({ setting: "/a b/c", until, reason: "x" });
    expect(parse('hold "/rooms~1kitchen/setpoint" 240m because x')).toMatchObject({
      setting: "/rooms~1kitchen/setpoint",
      until,
    });
  });

  it("reverts and explains all, or one setting, names a layer, and asks for help", () => {
    expect(parse("revert")).toEqual({ verb: "revert" });
    expect(parse("Revert /pool/max ")).toEqual({ verb: "revert", setting: "/pool/max" });
    expect(parse("explain `/pool/max`")).toEqual({ verb: "explain", setting: "/pool/max" });
    expect(parse("layer base")).toEqual({ verb: "layer", layer: "base" });
    expect([parse(""), parse("help"), parse("help hold")]).toEqual(Array(3).fill({ verb: "help" }));
  });

  it.each([
    ["hold", "a hold has an end"],
    ["hold because INC-123", "a hold has an end"],
    ["hold soon because INC-123", "`soon` is not a duration; write it as 30m, 4h or 7d"],
    ["hold 0h because INC-123", "`0h` is not a duration"],
    ["hold 9999999d because INC-123", "`9999999d` is not a duration"],
    ["hold 4h", "a hold has a reason"],
    ["hold 4h INC-123", "a hold has a reason"],
    ["hold 4h because", "a hold has a reason"],
    [`hold 4h because ${"x".repeat(501)}`, "a reason has up to 500 characters"],
    ["hold pool/max 4h because x", "`pool/max` is not a duration"],
    ["hold /a~b 4h because x", "`/a~b` is not a setting; settings are JSON Pointers, such as /a~0b"],
    ["revert pool/max", "`pool/max` is not a setting; settings are JSON Pointers, such as /pool/max"],
    ["revert /a /b", "`/b` is not a setting; settings are JSON Pointers, such as /b; name one or none"],
    ["layer", "which layer?"],
    ["layer base prod", "which layer?"],
    ["revret", '`revret` is not a command; did you mean "revert"?'],
    ["merge it please", "`merge` is not a command; known: explain, help, hold, layer, revert"],
  ])("refuses %j", (text, words) => {
    expect(faultOf(text)).toContain(words);
  });

  it("says how each is written", () => {
    for (const [how] of COMMANDS) {
      const text = how
        .replace("/trueup ", "")
        .replace("[SETTING] ", "")
        .replace("[SETTING]", "")
        .replace("NAME", "base");
      expect(() => parse(text)).not.toThrow();
    }
  });

  it("is answered in a comment that is no command, with nothing of it outside of <code>", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (words) => {
        const text = `${words}|@acme/ops #1 [x](http://evil) <img src=x> \`\n/trueup revert`;
        let answer: string;
        try {
          parse(text);
          return;
        } catch (error) {
          answer = answerTo({ author: "mallory", text }, refusal(error as TrueupError));
        }
        expect(answer.startsWith("> <code>")).toBe(true);
        expect(answer).not.toMatch(/^\/trueup/mu);
        expect(answer.slice(1).replaceAll(/<code>[^<>`@|[\]()*~]*<\/code>/g, "")).not.toMatch(/[<>@#]|evil|mallory/);
      }),
    );
  });
});
