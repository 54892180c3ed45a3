import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { formatPointer, parsePointer } from "../../src/core/pointer.js";
import { mapOf, type Value } from "../../src/core/value.js";
import { describeTarget, type TargetWorld } from "../contract/target.js";
import { change, makeRoot, put } from "../support/files.js";
import { openFiles } from "../support/open-files.js";

type Settings = ReadonlyMap<string, string>;

/** One way to keep named texts in files, written here without Trueup's formats. */
interface Layout {
  readonly name: string;
  /** Where a setting is. */
  path(key: string): readonly string[];
  /** Whether there is a text that it cannot hold: half of a surrogate pair, which JSON and YAML can escape. */
  readonly rejects: boolean;
  /** The files that hold the settings. */
  files(settings: Settings): ReadonlyMap<string, string>;
}

const lines = (settings: Settings, line: (key: string, value: string) => string) =>
  [...settings].map(([key, value]) => `${line(key, value)}\n`).join("");

const inOneFile = (file: string, above: readonly string[], text: (settings: Settings) => string): Layout => ({
  name: `files: ${file}`,
  path: (key) => [file, ...above, key],
  rejects: !/yaml|json/.test(file),
  files: (settings) => new Map([[file, text(settings)]]),
});

const layouts: readonly Layout[] = [
  inOneFile(
    "etc/app.yaml",
    ["a"],
    (all) => `# by hand\na:\n${lines(all, (key, value) => `  ${key}:   ${value}  # why`)}`,
  ),
  inOneFile("app.json", ["a", "b"], (all) => JSON.stringify({ a: { b: Object.fromEntries(all) } }, undefined, 4)),
  inOneFile("app.toml", ["a"], (all) => `# by hand\n[a]\n${lines(all, (key, value) => `${key} = '${value}' # why`)}`),
  inOneFile(".env", [], (all) => lines(all, (key, value) => `${key}=${value}`)),
  inOneFile("app.ini", ["a"], (all) => `; by hand\n[a]\n${lines(all, (key, value) => `${key} = ${value}`)}`),
  inOneFile("app.properties", [], (all) => lines(all, (key, value) => `${key} : ${value}`)),
  {
    name: "files: texts",
    rejects: true,
    path: (key) => [`conf.d/${key}.conf`],
    files: (settings) => new Map([...settings].map(([key, value]) => [`conf.d/${key}.conf`, value])),
  },
];

function worldOf(layout: Layout): TargetWorld {
  const before: Settings = new Map([
    ["keep", "as-it-was"],
    ["update", "old"],
    ["remove", "unwanted"],
  ]);
  const pointer = (key: string) => formatPointer(layout.path(key));
  const document = mapOf(
    [...before].reduce((members, [key, value]) => {
      const [first = "", ...rest] = layout.path(key);
      return members.set(first, merged(members.get(first), rest, value));
    }, new Map<string, Value>()),
  );
  return {
    name: layout.name,
    examples: {
      before: document,
      changes: [
        change(pointer("create"), undefined, "fresh"),
        change(pointer("update"), "old", "new"),
        change(pointer("remove"), "unwanted", undefined),
      ],
      neighbour: pointer("keep"),
      race: { change: change(pointer("update"), "old", "new"), intruder: "theirs" },
      ...(layout.rejects && {
        rejected: {
          bad: change(pointer("update"), "old", "hunter2\ud800"),
          good: change(pointer("create"), undefined, "fresh"),
        },
      }),
      secrets: ["hunter2"],
    },
    create: async () => {
      const root = makeRoot();
      const settings = new Map(before);
      const written = new Set<string>();
      const write = () => {
        const files = layout.files(settings);
        for (const name of written) if (!files.has(name)) rmSync(join(root, name));
        for (const [name, text] of files) {
          put(join(root, name), text);
          written.add(name);
        }
      };
      write();
      const target = await openFiles(root);
      return {
        target,
        another: () => openFiles(root),
        write: (path, value) => {
          const key = [...settings.keys()].find((each) => pointer(each) === path) ?? parsePointer(path).at(-1) ?? "";
          if (value === undefined) settings.delete(key);
          else settings.set(key, value as string);
          write();
          return Promise.resolve();
        },
        interrupt: () => {
          renameSync(root, `${root}.away`);
          return Promise.resolve(() => {
            renameSync(`${root}.away`, root);
            return Promise.resolve();
          });
        },
        close: async () => {
          await target.close();
          rmSync(root, { recursive: true, force: true });
        },
      };
    },
  };
}

function merged(tree: Value | undefined, path: readonly string[], value: Value): Value {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const map = (tree ?? {}) as Record<string, Value>;
  return { ...map, [key]: merged(map[key], rest, value) };
}

for (const layout of layouts) describeTarget(worldOf(layout));
