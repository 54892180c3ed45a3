import type { Attribution } from "../../core/attribution.js";

type Properties = Readonly<Record<string, string | readonly string[]>>;

/** User properties (MQTT 5) by which publishers and brokers name the writer, most telling first. */
const NAMES = ["written-by", "user", "username", "client-id", "clientid"] as const;
const TIME = "written-at";
const SELF = "trueup";
/** A property may be as long as 64 KiB. */
const LONGEST = 200;

/** What a publication of our own says of itself, for whoever reads it. */
export function signed(): Record<string, string> {
  return { "written-by": SELF, [TIME]: new Date().toISOString() };
}

/** Who published it, by its own word; undefined where it says nothing, and for what is ours. */
export function writerOf(properties: Properties | undefined): Attribution | undefined {
  // Most publications carry none.
  if (properties === undefined) return undefined;
  const said = new Map(
    Object.entries(properties).map(([name, value]) => [
      name.toLowerCase().replaceAll("_", "-"),
      (typeof value === "string" ? value : (value[0] ?? "")).slice(0, LONGEST),
    ]),
  );
  const name = NAMES.find((one) => (said.get(one) ?? "") !== "");
  const by = name === undefined ? undefined : said.get(name);
  if (by === undefined || by === SELF) return undefined;
  const at = said.get(TIME);
  return { by, ...(at === undefined ? {} : { at }), how: `user property ${name ?? ""}`, certainty: "likely" };
}
