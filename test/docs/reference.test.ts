import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ERROR_CODES } from "../../src/core/errors.js";
import { answer, type Shape, shapes } from "../support/json-shapes.js";

const DOCS = fileURLToPath(new URL("../../docs", import.meta.url));
const page = (name: string) => readFileSync(join(DOCS, name), "utf8");

describe("docs/errors.md", () => {
  it("has every code, once, in the order of the list", () => {
    const documented = [...page("errors.md").matchAll(/^\| `([A-Z_]+)` \| (.+) \| (.+) \|$/gm)].map(([, code]) => code);
    expect(documented).toEqual([...ERROR_CODES]);
  });

  it("is the only place for codes: no other page names one that does not exist", () => {
    const names = readdirSync(DOCS, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".md"));
    const first = new Set(ERROR_CODES.map((code) => code.split("_")[0]));
    for (const name of names) {
      const words = [...page(name).matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map(([, word]) => word ?? "");
      // Environment variables look alike: only words that begin as a code does are taken for one.
      const wrong = words.filter((word) => {
        const [start = ""] = word.split("_");
        return (
          first.has(start) &&
          !["GIT", "CONNECTION"].includes(start) &&
          !(ERROR_CODES as readonly string[]).includes(word)
        );
      });
      expect(wrong, name).toEqual([]);
    }
  });
});

describe("docs/json.md", () => {
  const examples = [...page("json.md").matchAll(/```json ([a-z -]+)\n([^]*?)```/g)].map(
    ([, verb = "", text = ""]) => [verb as Shape, text] as const,
  );

  it("has an example of every answer (`resume` answers as `suspend`)", () => {
    const verbs = [...examples.map(([verb]) => verb), "resume"];
    expect([...new Set(verbs)].sort()).toEqual(Object.keys(shapes).sort());
  });

  it.each(examples)("shows a %s that is one", (verb, text) => {
    expect(() => answer(verb, text)).not.toThrow();
  });
});

describe("the pages", () => {
  it("link to pages that are there", () => {
    const names = readdirSync(DOCS, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".md"));
    for (const name of names) {
      const links = [...page(name).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, link]) => link ?? "");
      for (const link of links) expect(existsSync(join(DOCS, dirname(name), link)), `${name}: ${link}`).toBe(true);
    }
  });
});
