import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { listScope, trace } from "../../src/core/lists.js";
import { parsePointer } from "../../src/core/pointer.js";
import { equal, type Value } from "../../src/core/value.js";
import { mergeTarget } from "../../src/render/layers.js";
import type { Snapshot } from "../../src/render/snapshot.js";
import { writeBack } from "../../src/render/write-back.js";
import { decisions, type Decisions } from "../support/formatting.js";

/** Lines as people write them. `K` is a name of its own; a line that begins with `@path@` is the setting's at that path. */
type Block = readonly string[];

interface Corpus {
  readonly file: string;
  readonly first: readonly [Block, ...Block[]];
  readonly last: readonly [Block, ...Block[]];
  readonly values: readonly [Value, ...Value[]];
  /** A setting that only the layer below has. */
  readonly inherited: string;
}

const texts = ["word", "two words", "42", "it's: #1", "é 日本", "http://h:80/x?a=b"] as const;
const typed = [...texts, 42, -1.5, true, "012", "on", "null"] as const;

const corpora: readonly Corpus[] = [
  {
    file: "app.yaml",
    first: [["%YAML 1.2", "---"], ["# banner, of: it"], ["---"], [""]],
    last: [
      ["@/K@K: plain # why"],
      ["@/K@K: 'quoted'   # two words"],
      ['@/K@K: "018" # a number in quotes'],
      ["# above", "@/K@K: |", "@/K@  #!/bin/sh", "@/K@  echo $HOME", "", "# below"],
      ["@/K@K: >-", "@/K@  folded", "@/K@  text"],
      ["K: &K # anchored", "  # inner", "  a: 1", "  b: 0x10 # hex", "cK:", "  <<: *K", "@/cK/c@  c: 3"],
      ["K: &vK 5", "@/xK@xK: *vK # alias"],
      ["@/K/a@K: { a: 1, b: [x, y] } # flow"],
      ["K:", "  - one # 1", "@/K/1@  - two # 2", "  - three"],
      ["K:", "    deep:", "@/K/deep/er@        er: ~ # nothing yet", "", "        # trailing"],
      ["? K", "@/K@: explicit"],
    ],
    values: typed,
    inherited: "zz: { y: 1 }\n",
  },
  {
    file: "app.json",
    first: [["{"]],
    last: [
      ['@/K@  "K": 1.0,'],
      ['@/K@  "K" : "018",'],
      ['  "K": {', '@/K/a@    "a": null,', '    "b": [1, 2.50, 1e3]', "  },"],
      ['@/K/1@  "K": [ 1, 2,3 ],'],
      ['@/K/a@\t"K":{"a":"x","b":"\\u00e9"},', ""],
    ],
    values: typed,
    inherited: '{ "zz": { "y": 1 } }',
  },
  {
    file: "app.toml",
    first: [["# banner", ""], ['title = "x" # t']],
    last: [
      ["[K] # section", "@/K/a@a = 1 # one", "# between", "b = 2"],
      ["[K]", "@/K/s@s = 'literal' # s", "@/K/h@h = 0xff", "@/K/d@d = 1979-05-27 # a day"],
      ["[K.sub]", '@/K/sub/t@t = """', "@/K/sub/t@two", '@/K/sub/t@lines""" # t', "u = [ 1,", "  2, # two", "]"],
      ["[K]", "@/K/i/x@i = { x = 1, y = 'z' } # inline", "", "@/K/a.b@\"a.b\" = '018'"],
      ["[[K]]", "@/K/0/n@n = 'first'", "", "[[K]]", "@/K/1/n@n = 'second' # 2"],
      ["[K]", "@/K/p/q@p.q = 1.50 # dotted", "p.r = 2"],
    ],
    values: typed,
    inherited: "[zz]\ny = 1\n",
  },
  {
    file: "app.env",
    first: [["# banner"], [""]],
    last: [
      ["@/K@K=plain"],
      ["@/K@export K = spaced # why"],
      ["@/K@K='it is $5' # quoted"],
      ['@/K@K="018"'],
      ["# above", '@/K@K="two', '@/K@lines" # below'],
      ["@/K@K=", ""],
    ],
    values: texts,
    inherited: "zz=1\n",
  },
  {
    file: "app.ini",
    first: [["; banner"], ["root = 1", ""]],
    last: [
      ["[K]", "; above", "@/K/a@a = 1", '@/K/b@b="quoted"', ""],
      ["[K.x] # header", "@/K.x/url@  url = http://x/#a;b", "# below"],
      ["[K]", "@/K/empty@empty =", "other = 018"],
    ],
    values: texts,
    inherited: "[zz]\ny = 1\n",
  },
  {
    file: "app.properties",
    first: [["# banner"], ["! banner"]],
    last: [
      ["@/K.x@K.x=plain"],
      ["@/K@K : colon"],
      ["  # above", "@/K@K blank"],
      ["@/K@K = continued, \\", "@/K@    over lines", ""],
      ["@/K@K=\\u00e9\\tx"],
      ["@/K@K=018"],
    ],
    values: texts,
    inherited: "zz=1\n",
  },
];

interface Line {
  readonly text: string;
  readonly owner: string | undefined;
}

interface Sample {
  readonly lines: readonly Line[];
  readonly eol: string;
  readonly bom: string;
  readonly end: string;
  readonly text: string;
}

function sample({ first, last, file }: Corpus, { pick, chance }: Decisions): Sample {
  const head = chance(0.7) || file.endsWith(".json") ? pick(...first) : [];
  const blocks = Array.from({ length: 3 + pick(0, 1, 2, 3, 4, 5) }, (_, index) =>
    pick(...last).map((line) => line.replaceAll("K", `k${index}`)),
  );
  const tail = file.endsWith(".json") ? ['  "end": true', "}"] : [];
  const lines = [...head, ...blocks.flat(), ...tail].map((line): Line => {
    const owned = /^@([^@]*)@(.*)$/.exec(line);
    return { text: owned?.[2] ?? line, owner: owned?.[1] };
  });
  const eol = pick("\n", "\r\n");
  const bom = pick("", "", "\uFEFF");
  const end = pick(eol, eol, "");
  const text = bom + lines.map((line) => line.text).join(eol) + end;
  return { lines, eol, bom, end, text };
}

const quote = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");

/** What a text may look like in which only the lines of the touched settings are others. */
function onlyTouched({ lines, eol, bom, end }: Sample, touched: ReadonlySet<string>): RegExp {
  const parts: string[] = [];
  let open: string | undefined;
  for (const line of lines) {
    const owner = line.owner !== undefined && touched.has(line.owner) ? line.owner : undefined;
    // The lines of one setting are one gap: their number may change.
    if (owner === undefined || owner !== open) parts.push(owner === undefined ? quote(line.text) : "[^]*?");
    open = owner;
  }
  return new RegExp(`^${bom}${parts.join(eol)}${end}$`);
}

const ENVIRONMENT = "targets:\n  host: { kind: files, connection: host }\n";
const kinds = [{ kind: "files", manyDocuments: true }];

function snapshotOf(files: Readonly<Record<string, string>>): Snapshot {
  return new Map(
    Object.entries(files).map(([file, text]) => {
      const content = Buffer.from(text);
      return [file, { id: createHash("sha1").update(content).digest("hex"), content }];
    }),
  );
}

function valueAt(snapshot: Snapshot, path: string): Value | undefined {
  const { document } = mergeTarget(snapshot, {
    target: "host",
    folders: ["environments/base", "environments/prod"],
    lists: {},
    tags: "refuse",
    manyDocuments: true,
  });
  const found = trace(document, parsePointer(path), listScope({}));
  return typeof found === "string" ? undefined : found.value;
}

const COUNT = 40;

describe.each(corpora.map((corpus) => [corpus.file, corpus] as const))("%s, as people format it", (file, corpus) => {
  it.each(Array.from({ length: COUNT }, (_, seed) => seed))(
    "document %i: only the settings' own lines change",
    async (seed) => {
      const dice = decisions(seed * 7919 + 17);
      const document = sample(corpus, dice);
      const own = `environments/prod/host/${file}`;
      const files = {
        "environments/base/environment.yaml": ENVIRONMENT,
        "environments/prod/environment.yaml": "layers: [base]\n",
        [`environments/base/host/${file}`]: corpus.inherited,
        [own]: document.text,
      };
      const owners = [...new Set(document.lines.flatMap(({ owner }) => owner ?? []))];
      const touched = new Set(owners.filter((_, index) => index === seed % owners.length || dice.chance(0.3)));
      const prefix = `/${file}`;
      const request = { revision: "0".repeat(40), environment: "prod", target: "host", kinds };
      const live = new Map([...touched].map((owner) => [prefix + owner, dice.pick(...corpus.values)]));
      const settings = [...live].map(([path, value]) => ({ path, live: value }));
      const result = await writeBack({ ...request, snapshot: snapshotOf(files), settings });
      expect(result.settings.flatMap((setting) => ("error" in setting ? [setting.error] : []))).toEqual([]);
      const text = result.files.get(own) ?? document.text;
      expect(text).toMatch(onlyTouched(document, touched));
      const edited = snapshotOf({ ...files, ...Object.fromEntries(result.files) });
      for (const [path, value] of live) expect(equal(valueAt(edited, path), value), path).toBe(true);

      const flat = corpus.inherited.startsWith("zz=");
      const inherited = { path: `${prefix}${flat ? "/zz" : "/zz/y"}`, live: "7" };
      const override = await writeBack({ ...request, snapshot: snapshotOf(files), settings: [inherited] });
      expect([...override.files.keys()]).toEqual([own]);
      const after = (override.files.get(own) ?? "").split(/\r?\n/);
      let at = -1;
      for (const line of document.text.split(/\r?\n/)) {
        if (line === "") continue;
        // JSON sets what comes last apart from what is new by a comma.
        at = after.findIndex((other, index) => index > at && (other === line || other === `${line},`));
        expect(at, `the line ${line} is gone or moved`).toBeGreaterThanOrEqual(0);
      }
    },
  );
});
