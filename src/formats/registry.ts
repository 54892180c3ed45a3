import { basename, extname } from "node:path";
import { dotenv } from "./dotenv.js";
import type { Format } from "./format.js";
import { ini } from "./ini.js";
import { json } from "./json.js";
import { properties } from "./properties.js";
import { toml } from "./toml.js";
import { yaml } from "./yaml.js";

/** Every format: a new one is a file of its own and a line here. */
const formats: readonly Format[] = [yaml, json, toml, dotenv, ini, properties];

/** The format that a file's name says by its extension (or that it is: `.env`); undefined where it says none. */
export function formatOf(fileName: string): Format | undefined {
  const name = basename(fileName).toLowerCase();
  return formats.find(({ extensions }) => extensions.includes(extname(name)) || extensions.includes(name));
}
