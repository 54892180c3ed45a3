import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { listScope } from "../../src/core/lists.js";
import { escapeReferences, secretNames, substitute } from "../../src/render/text.js";
import type { Value } from "../../src/core/value.js";

function put(document: Value, variables: Record<string, string | number | bigint | boolean> = {}, lists = {}) {
  const warnings: string[] = [];
  const taken: string[] = [];
  const result = substitute(document, {
    variables,
    lists,
    secret: (name, pointer) => {
      taken.push(pointer);
      return `<${name}>`;
    },
    warn: (message) => warnings.push(message),
  });
  return { result, warnings, taken };
}

describe("references in texts", () => {
  it("leave every text alone that names nothing declared", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!text.includes("${secret:"));
        expect(put(text, {}).result).toBe(text);
      }),
    );
  });

  it("take declared variables, with their type where they are the whole text", () => {
    const variables = { site: "north", port: 5432, big: 9007199254740993n, on: true };
    expect(
      put({ a: "${site}-${port}", b: "${port}", c: "${big}", d: "${on}", e: " ${port}" }, variables).result,
    ).toEqual({
      a: "north-5432",
      b: 5432,
      c: 9007199254740993n,
      d: true,
      e: " 5432",
    });
  });

  it("`$${…}` is the literal, of variables and secrets; of what is not declared it stays as it is", () => {
    expect(put("$${site} $${secret:x} $${other} ${other}", { site: 1 }).result).toBe(
      "${site} ${secret:x} $${other} ${other}",
    );
    expect(put("$${site}", { site: 5 }).result).toBe("${site}");
  });

  it("can be escaped: the text that renders to a given one, whatever it is", () => {
    const variables = { a: 1, site: "x" };
    const pieces = fc.constantFrom("$", "{", "}", "${a}", "${site}", "${secret:s}", "${HOME}", "a", "secret:", "\n");
    fc.assert(
      fc.property(fc.array(pieces), (parts) => {
        const text = parts.join("");
        expect(put(escapeReferences(text, listScope({}), variables), variables)).toMatchObject({
          result: text,
          taken: [],
        });
      }),
      { numRuns: 2000 },
    );
  });

  it("put nothing in twice: a value that looks like a reference stays a value", () => {
    expect(put("${a}", { a: "${b}", b: "no" }).result).toBe("${b}");
    expect(put("x${a}", { a: "$1 $& ${secret:s}" }).result).toBe("x$1 $& ${secret:s}");
  });

  it("say which settings took a secret, in the words of findings", () => {
    const document = { rooms: [{ id: "k", pin: "${secret:pin}" }], tags: ["${secret:tag}"], s: "a${secret:b/c}" };
    const lists = { "/rooms": { key: "id" }, "/tags": "set" } as const;
    expect(put(document, {}, lists)).toMatchObject({ taken: ["/rooms/k/pin", "/tags", "/s"] });
    expect([...secretNames(document, lists)]).toEqual([
      ["pin", "/rooms/k/pin"],
      ["tag", "/tags"],
      ["b/c", "/s"],
    ]);
    expect(secretNames("$${secret:x}", {}).size).toBe(0);
  });

  it("warn of one slip from a declared name, and of nothing else", () => {
    expect(put("${sit} ${HOME} $${sit}", { site: 1 }).warnings).toHaveLength(1);
    expect(put("${sit}", { site: 1 }).warnings[0]).toContain("did you mean ${site}?");
  });

  it("a prototype's member is no variable", () => {
    expect(put("${constructor} ${__proto__}").result).toBe("${constructor} ${__proto__}");
  });
});
