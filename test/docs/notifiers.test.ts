import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { notifierKinds } from "../../src/notifiers/registry.js";

describe.each(notifierKinds.map((kind) => [kind.kind, kind] as const))("docs/notifiers/%s.md", (name, { spec }) => {
  const page = readFileSync(new URL(`../../docs/notifiers/${name}.md`, import.meta.url), "utf8");
  const examples = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, yaml = ""]) => yaml);

  it("has examples that are taken", () => {
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) {
      const text = example.replaceAll(/\$\{\w+_URL\}/g, "https://hooks.example/x").replaceAll(/\$\{\w+\}/g, "secret");
      const { notifiers } = parse(text) as { notifiers: Record<string, unknown>[] };
      for (const { kind, name: given, ...rest } of notifiers) {
        expect(kind).toBe(name);
        expect(given).toEqual(expect.any(String));
        expect(spec.safeParse(rest).error?.issues ?? []).toEqual([]);
      }
    }
  });

  it("names no key that the kind does not know", () => {
    const documented = [...page.matchAll(/^\| (`\w+`(?:, `\w+`)*) \|/gm)].flatMap(([, keys = ""]) =>
      [...keys.matchAll(/\w+/g)].map(([key]) => key),
    );
    const strange = documented.filter((key) =>
      (spec.safeParse({ [key]: {} }).error?.issues ?? []).some(({ code }) => code === "unrecognized_keys"),
    );
    expect(strange).toEqual([]);
  });
});
