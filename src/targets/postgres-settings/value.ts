import { TrueupError } from "../../core/errors.js";
import { isList as isTreeList, isLiteral, isMap, type Value } from "../../core/value.js";
import type { SettingFacts } from "./facts.js";
import { formatList, isList } from "./lists.js";
import { formatQuantity, formatReal, parseQuantity, scaleOf, sixDigits } from "./quantity.js";

/** Settings that SHOW writes as octal numbers: file modes. */
const OCTAL = new Set(["data_directory_mode", "log_file_mode", "unix_socket_permissions"]);

/**
 * A value as the server would report it, by its own rules of spelling, units and ranges: `8192kB`, `8 MB` and `8192` of
 * work_mem are `8MB`, `yes` is `on`. Numbers without unit are numbers, everything else is text. A value that the server
 * takes but rounds is not rounded here: it stays different from what the server makes of it.
 * @throws DOCUMENT_INVALID, without the value
 */
export function normalizeSetting(facts: SettingFacts, value: Value): Value {
  const text = textOf(facts, value);
  switch (facts.type) {
    case "bool":
      return truth(text) ?? invalid(facts, "is neither on nor off");
    case "enum":
      return choice(facts, text) ?? invalid(facts, `is none of ${facts.choices.join(", ")}`);
    case "integer":
    case "real":
      return quantity(facts, text);
    case "string":
      return isList(facts.name) ? formatList(facts.name, text) : text;
  }
}

function textOf(facts: SettingFacts, value: Value): string {
  if (isTreeList(value) && isList(facts.name)) {
    return value.map((item) => `"${textOf(facts, item).replaceAll('"', '""')}"`).join(", ");
  }
  if (value === null) return invalid(facts, "is null", "leave the setting out to leave it alone");
  if (isMap(value) || isTreeList(value) || isLiteral(value)) return invalid(facts, "is not a scalar");
  return String(value);
}

/** As the server: any beginning of true, false, yes and no, and of on and off from the second letter. */
function truth(text: string): "on" | "off" | undefined {
  const word = text.trim().toLowerCase();
  if (word === "") return undefined;
  if (word === "1" || word === "on" || "true".startsWith(word) || "yes".startsWith(word)) return "on";
  if (word === "0" || word === "of" || word === "off" || "false".startsWith(word) || "no".startsWith(word))
    return "off";
  return undefined;
}

function choice(facts: SettingFacts, text: string): string | undefined {
  const word = text.trim().toLowerCase();
  const known = facts.choices.find((name) => name.toLowerCase() === word);
  if (known !== undefined) return known;
  // Where on and off are choices, the server also takes their other spellings without listing them.
  const switched = truth(word);
  return switched !== undefined && facts.choices.includes(switched) ? switched : undefined;
}

function quantity(facts: SettingFacts, text: string): Value {
  const scale = scaleOf(facts.unit);
  const parsed = parseQuantity(text, scale);
  if ("fault" in parsed) return invalid(facts, parsed.fault);
  const count = Number(parsed.count);
  if ((facts.min !== null && count < facts.min) || (facts.max !== null && count > facts.max)) {
    return invalid(facts, `is out of range: ${range(facts)}`);
  }
  if (facts.type === "real") return scale === undefined ? sixDigits(count) : formatReal(count, scale);
  if (parsed.kind === "between") return scale === undefined ? count : parsed.text;
  if (OCTAL.has(facts.name)) return `0${parsed.count.toString(8)}`;
  return scale === undefined ? count : formatQuantity(parsed.count, scale);
}

function range({ min, max, unit }: SettingFacts): string {
  const scale = scaleOf(unit);
  const show = (bound: number | null) =>
    bound === null
      ? ""
      : scale !== undefined && Number.isSafeInteger(bound)
        ? formatQuantity(BigInt(bound), scale)
        : String(bound);
  return `${show(min)} to ${show(max)}`;
}

function invalid(facts: SettingFacts, why: string, hint?: string): never {
  throw new TrueupError("DOCUMENT_INVALID", `the value of ${facts.name} ${why}`, {
    hint: hint ?? "see the server's documentation of the setting, or pg_settings",
  });
}
