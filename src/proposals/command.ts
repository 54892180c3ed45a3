import { TrueupError } from "../core/errors.js";
import { isPointer, type Pointer } from "../core/pointer.js";
import { parseDuration } from "../lib/duration.js";
import { suggestion } from "../lib/suggest.js";

/** What a comment on a drift pull request asks for. Without a setting, all of the pull request are meant. */
export type Command =
  | { readonly verb: "hold"; readonly setting?: Pointer; readonly until: string; readonly reason: string }
  | { readonly verb: "revert" | "explain"; readonly setting?: Pointer }
  | { readonly verb: "layer"; readonly layer: string }
  | { readonly verb: "help" };

/** How each is written, and what it does. */
export const COMMANDS = [
  ["/trueup hold [SETTING] 4h because REASON", "leaves the drift alone for that long"],
  ["/trueup revert [SETTING]", "writes git's values over the live ones now"],
  ["/trueup explain [SETTING]", "says which rule spoke and why, and which guards and holds stand"],
  ["/trueup layer NAME", "writes the live values into that layer, e.g. base, instead of the environment's own"],
  ["/trueup help", "lists these"],
] as const;

const VERBS = ["hold", "revert", "explain", "layer", "help"];

/** The date's last year that has four digits, by which texts of instants compare. */
const LATEST = Date.UTC(10_000, 0);
const LONGEST_REASON = 500;

/**
 * A command's words, without `/trueup`. `at`: when it was given, ISO 8601; a hold counts from then, however late it is read.
 * @throws TrueupError USAGE
 */
export function parseCommand(text: string, at: string): Command {
  const [, verb = "", rest = ""] = /^(\S*)\s*(.*)$/su.exec(text.trim()) ?? [];
  switch (verb.toLowerCase()) {
    case "":
    case "help":
      return { verb: "help" };
    case "hold":
      return holdOf(rest, at);
    case "revert":
    case "explain": {
      const { setting, after } = settingOf(rest);
      if (after !== "") throw wrong(`\`${firstWord(after)}\` is not a setting`, hintOf(firstWord(after)));
      return { verb: verb.toLowerCase() as "revert" | "explain", ...setting };
    }
    case "layer": {
      if (/^\S+$/u.test(rest)) return { verb: "layer", layer: rest };
      throw wrong("which layer?", "name one: /trueup layer base");
    }
    default:
      throw wrong(`\`${verb}\` is not a command`, suggestion(verb, VERBS));
  }
}

function holdOf(rest: string, at: string): Command {
  const { setting, after } = settingOf(rest);
  const example = "/trueup hold 4h because INC-123";
  const [, length = "", reason = ""] = /^(?:for\s+)?(\S*)\s*(?:because\s+(.*))?/isu.exec(after) ?? [];
  if (length === "" || /^because$/iu.test(length)) throw wrong("a hold has an end", `say for how long: ${example}`);
  const duration = parseDuration(length);
  const end = new Date(Date.parse(at) + (duration ?? NaN));
  if (duration === undefined || duration <= 0 || !(end.getTime() < LATEST)) {
    throw wrong(`\`${length}\` is not a duration`, `write it as 30m, 4h or 7d: ${example}`);
  }
  if (reason === "") throw wrong("a hold has a reason", `say why: /trueup hold ${length} because INC-123`);
  if (reason.length > LONGEST_REASON) throw wrong(`a reason has up to ${LONGEST_REASON} characters`, "say it shorter");
  return { verb: "hold", ...setting, until: end.toISOString(), reason };
}

/** A setting at the beginning: a JSON Pointer, in backticks or double quotes where it has spaces. */
function settingOf(text: string): { readonly setting: { setting?: Pointer }; readonly after: string } {
  const match = /^(?:`([^`]*)`|"([^"]*)"|(\/\S*))(?:\s+|$)/u.exec(text);
  if (match === null) return { setting: {}, after: text };
  const setting = match[1] ?? match[2] ?? match[3] ?? "";
  if (!isPointer(setting)) throw wrong(`\`${setting}\` is not a setting`, hintOf(setting));
  return { setting: { setting }, after: text.slice(match[0].length) };
}

function hintOf(word: string): string {
  return `settings are JSON Pointers, such as /${word.replace(/^\/+/, "").replaceAll(/~(?![01])/g, "~0")}; name one or none`;
}

function firstWord(text: string): string {
  return text.split(/\s/u)[0] ?? "";
}

function wrong(message: string, hint: string): TrueupError {
  return new TrueupError("USAGE", message, { hint });
}
