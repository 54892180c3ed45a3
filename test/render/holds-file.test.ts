import { describe, expect, it } from "vitest";
import { readHolds } from "../../src/render/holds-file.js";

const OPTIONS = { folder: "environments/prod", layers: ["environments/base"], targets: ["app", "settings"] };
const files = (texts: Readonly<Record<string, string>>) =>
  new Map(Object.entries(texts).map(([name, text]) => [name, { id: text, content: Buffer.from(text) }]));
const read = (text: string) => readHolds(files({ "environments/prod/holds.yaml": text }), OPTIONS);
const VALID = "owner: o, reason: r, until: 2999-01-01";

describe("holds.yaml", () => {
  it("names holds; a day is meant through its end in UTC, an instant in its own zone", () => {
    const hold = { target: "app", path: "", owner: "o", reason: "r" };
    expect(
      read(`holds:
  - { target: app, ${VALID} }
  - { target: app, path: /a~1b, owner: o, reason: r, until: "2027-01-31T18:00:00+02:00" }
`),
    ).toEqual([
      { ...hold, until: "2999-01-01T23:59:59.999Z" },
      { ...hold, path: "/a~1b", until: "2027-01-31T16:00:00.000Z" },
    ]);
  });

  it.each(["", "holds: []\n"])("may be empty: %j", (text) => {
    expect(read(text)).toEqual([]);
    expect(readHolds(new Map(), OPTIONS)).toEqual([]);
  });

  it.each([
    ["an unknown target", `holds: [{ target: ap, ${VALID} }]`, 1, 19, 'did you mean "app"?'],
    ["a key that is none", `holds: [{ target: app, untill: 1, ${VALID} }]`, 1, 32, "until"],
    ["a missing reason", "holds:\n  - { target: app, owner: o, until: 2999-01-01 }", 2, 5, ""],
    ["a missing end", "holds: [{ target: app, owner: o, reason: r }]", 1, 9, ""],
    ["a path that is no pointer", `holds: [{ target: app, path: LEVEL, ${VALID} }]`, 1, 30, ""],
    ["an end that is none", "holds: [{ target: app, owner: o, reason: r, until: tomorrow }]", 1, 52, ""],
    ["a day that is none", "holds: [{ target: app, owner: o, reason: r, until: 2027-02-30 }]", 1, 52, ""],
    [
      "an instant without a zone",
      'holds: [{ target: app, owner: o, reason: r, until: "2999-01-01T00:00:00" }]',
      1,
      52,
      "",
    ],
    [
      "a place that is held twice",
      `holds:\n- { target: app, ${VALID} }\n- { target: app, ${VALID} }`,
      3,
      3,
      "keep one",
    ],
  ])("is refused for %s, with the place", (...[, text, line, column, hint]) => {
    const fault = expect.objectContaining({
      code: "ENVIRONMENT_INVALID",
      where: { file: "environments/prod/holds.yaml", line, column },
      ...(hint === "" ? {} : { hint: expect.stringContaining(hint) as string }),
    }) as Error;
    expect(() => read(text)).toThrow(fault);
  });

  it.each(["environments/base/holds.yaml", "environments/prod/holds.yml"])(
    "is refused, not passed over, as %s",
    (file) => {
      const fault = expect.objectContaining({ code: "ENVIRONMENT_INVALID", where: { file } }) as Error;
      expect(() => readHolds(files({ [file]: "" }), OPTIONS)).toThrow(fault);
    },
  );
});
