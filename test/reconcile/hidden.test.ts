import { describe, expect, it } from "vitest";
import { TrueupError } from "../../src/core/errors.js";
import { pointerGlobs } from "../../src/lib/glob.js";
import { discretion, hiddenText } from "../../src/reconcile/hidden.js";
import { targetKinds } from "../../src/targets/registry.js";

const files = targetKinds.find(({ kind }) => kind === "files");
const table = targetKinds.find(({ kind }) => kind === "postgres-table");
if (files === undefined || table === undefined) throw new Error("a kind is missing");

const marked = (...pointers: string[]) => ({ name: "host", kind: files, lists: {}, sensitive: pointerGlobs(pointers) });

describe("a file's text for showing", () => {
  it("hides sensitive settings where they are, however they are written, and nothing that reads alike", () => {
    const text =
      'a: { pin: true, on: true, q: "s\\"x", lines: 1 } # true\n' +
      "b: |\n  first\n  second\nc: 'it''s'\nnumber: 1234\nother: 1234\n";
    const hidden = hiddenText(
      "environments/prod/host/app.yaml",
      text,
      marked("/app.yaml/a/pin", "/app.yaml/a/q", "/app.yaml/b", "/app.yaml/c", "/app.yaml/number"),
    );
    expect(hidden).toContain("on: true");
    expect(hidden).toContain("lines: 1 } # true");
    expect(hidden).toContain("pin: (sensitive)");
    expect(hidden).toContain("other: 1234");
    expect(hidden).not.toMatch(/s\\"x|first|second|it''s|number: 1234/);
  });

  it("keeps references to secrets, and hides what carries a credential by itself", () => {
    const text = '{"login": "${secret:x}", "link": "amqp://app:hunter22@queue/"}\n';
    expect(hiddenText("environments/prod/host/app.json", text, marked("/app.json/login"))).toBe(
      '{"login": "${secret:x}", "link": "(sensitive)"}\n',
    );
  });

  it("finds the elements of keyed lists, and what a JSON Patch sets", () => {
    const target = { name: "settings", kind: table, lists: { "/users": { key: "id" } } };
    const sensitive = pointerGlobs(["/users/ana/note", "/pool/pin"]);
    const keyed = "users:\n  - { id: bo, note: x }\n  - { id: ana, note: x }\n";
    expect(hiddenText("environments/prod/settings.yaml", keyed, { ...target, sensitive })).toBe(
      "users:\n  - { id: bo, note: x }\n  - { id: ana, note: (sensitive) }\n",
    );
    const patch = "- { op: replace, path: /pool, value: { pin: 1, max: 2 } }\n- { op: add, path: /x, value: 1 }\n";
    const hidden = hiddenText("environments/prod/settings.patch.yaml", patch, { ...target, sensitive });
    expect(hidden).toContain("path: /x, value: 1");
    expect(hidden).not.toContain("pin");
  });

  it("gives nothing where it cannot tell", () => {
    expect(hiddenText("environments/prod/host/app.yaml", "a: [", marked("/app.yaml/a"))).toBeUndefined();
    expect(hiddenText("environments/prod/host/nginx.conf", "x", marked("/nginx.conf"))).toBeUndefined();
  });
});

describe("the words of a live system", () => {
  const target = marked("/pin", "/list/*");
  const refusal = (words: string) => new TrueupError("WRITE_FAILED", words);
  const documents = [
    { pin: 'a "b" c', other: "longer than a word", list: ["second"] },
    { pin: "1", other: 1 },
  ];

  it("are left out where they hold a sensitive value, as it is or as JSON writes it", () => {
    for (const words of ['the row {"pin": "a \\"b\\" c"} is bad', 'bad: a "b" c', "no second here"]) {
      expect(discretion(target, documents)(refusal(words))).toMatchObject({
        code: "WRITE_FAILED",
        message: "the live system refused it, in words that hold a sensitive value",
      });
    }
  });

  it("are kept otherwise, also where a secret is as short as 1", () => {
    const error = refusal("value 1 of 127.0.0.1 is longer than a word");
    expect(discretion(target, documents)(error)).toBe(error);
  });
});
