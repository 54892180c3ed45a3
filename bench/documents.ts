import { stringify as toml } from "smol-toml";
import { stringify as yaml } from "yaml";

type Scalar = string | number | boolean;
export interface Tree {
  readonly [key: string]: Scalar | Tree;
}

export interface Documents {
  readonly settings: Tree;
  readonly broker: Tree;
  readonly host: Readonly<Record<string, Tree>>;
}

export const ROWS = 1_000;
export const TOPICS = 500;
export const FILES = 100;
export const EXTENSIONS = ["yaml", "json", "toml", "env", "ini", "properties"] as const;

/** Settings as a system of that size would have them: numbers, switches and texts, twelve to a file. */
export function documents(): Documents {
  return {
    settings: named(ROWS, (index) => [`service-${Math.floor(index / 10)}.setting-${index % 10}`, scalar(index)]),
    broker: named(TOPICS, (index) => [
      `rooms/room-${Math.floor(index / 5)}/${QUANTITIES[index % 5] ?? ""}`,
      scalar(index),
    ]),
    host: Object.fromEntries(Array.from({ length: FILES }, (_, index) => file(index))),
  };
}

const QUANTITIES = ["setpoint", "label", "enabled", "interval", "mode"];

function named(count: number, entry: (index: number) => readonly [string, Scalar]): Tree {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => entry(index)));
}

function scalar(index: number): Scalar {
  if (index % 3 === 0) return index * 7 + 0.5;
  return index % 3 === 1 ? `value of ${index}` : index % 2 === 0;
}

function file(index: number): readonly [string, Tree] {
  const extension = EXTENSIONS[index % EXTENSIONS.length] ?? "yaml";
  const flat = extension === "env" || extension === "properties";
  const settings = (from: number) =>
    named(6, (each) => {
      const key = extension === "env" ? `SETTING_${from + each}` : `setting-${from + each}`;
      const value = scalar(index * 12 + from + each);
      return [key, flat || extension === "ini" ? String(value) : value];
    });
  const tree: Tree = flat ? { ...settings(0), ...settings(6) } : { server: settings(0), client: settings(6) };
  return [`service-${index}.${extension}`, tree];
}

/** The text of a document in the format of its name. */
export function textOf(name: string, tree: Tree): string {
  switch (name.slice(name.lastIndexOf(".") + 1)) {
    case "yaml":
      return yaml(tree);
    case "json":
      return `${JSON.stringify(tree, undefined, 2)}\n`;
    case "toml":
      return toml(tree);
    case "env":
      return entries(tree, (key, value) => `${key}="${value}"`);
    case "properties":
      return entries(tree, (key, value) => `${key}=${value}`);
    default:
      return Object.entries(tree)
        .map(
          ([section, inner]) =>
            `[${section}]\n${entries(typeof inner === "object" ? inner : {}, (key, value) => `${key}=${value}`)}`,
        )
        .join("\n");
  }
}

function entries(tree: Tree, line: (key: string, value: string) => string): string {
  return Object.entries(tree)
    .map(([key, value]) => `${line(key, typeof value === "object" ? "" : String(value))}\n`)
    .join("");
}
