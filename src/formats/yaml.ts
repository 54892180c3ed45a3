import type { Edit } from "../core/change.js";
import { child, parsePointer, type Pointer } from "../core/pointer.js";
import { isList, isMap, type Value } from "../core/value.js";
import type { Format, Parsed, ParseOptions } from "./format.js";
import { unrepresentable } from "./strings.js";
import { open, positions } from "./text.js";
import { editYaml } from "./yaml/edit.js";
import { locator } from "./yaml/locate.js";
import { readYaml } from "./yaml/read.js";

/** YAML 1.2, core schema, with merge keys; see docs/formats.md for what is refused. */
export const yaml: Format = { name: "YAML", extensions: [".yaml", ".yml"], parse, edit, normalize };

function parse(text: string, { file, tags }: ParseOptions): Parsed {
  const { source } = open(text, file);
  const reading = readYaml(source, tags);
  const locate = locator(reading);
  const positionOf = positions(source.text);
  return {
    value: reading.value,
    position: (pointer) => {
      const offset = locate(parsePointer(pointer));
      return offset === undefined ? undefined : positionOf(offset);
    },
  };
}

function edit(text: string, edits: readonly Edit[], { file, tags }: ParseOptions): string {
  const { source, bom } = open(text, file);
  return bom + editYaml(source, edits, tags);
}

function normalize(value: Value): Value {
  refuse(value, "");
  return value;
}

function refuse(value: Value | undefined, at: Pointer): void {
  if (value === undefined) throw unrepresentable("YAML", at, "it is undefined");
  if (isList(value)) for (const [index, item] of value.entries()) refuse(item, child(at, String(index)));
  else if (isMap(value)) for (const [key, item] of Object.entries(value)) refuse(item, child(at, key));
}
