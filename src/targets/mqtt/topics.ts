import { TrueupError } from "../../core/errors.js";

/**
 * The level below a prefix that is Trueup's own: `<prefix>/$trueup/<random>` holds a sentinel (see link.ts). It is below the
 * prefix, so that the rights on the prefix are all that is needed and a sentinel that comes back proves them.
 */
const RESERVED = "$trueup";

/** What is wrong with a topic name, in words that follow it; undefined where it is fine (MQTT 5, section 4.7). */
export function topicFault(topic: string): string | undefined {
  if (topic === "") return "is empty";
  if (/[+#]/.test(topic)) return "holds a wildcard (`+` or `#`), which a topic's name cannot";
  if (topic.includes("\0")) return "holds a NUL character";
  if (Buffer.from(topic, "utf8").toString("utf8") !== topic) return "is not valid Unicode";
  if (Buffer.byteLength(topic) > 65_535) return "is longer than 65,535 bytes";
  return undefined;
}

export function prefixFault(prefix: string): string | undefined {
  if (prefix.startsWith("$")) return "begins with `$`: such topics are the broker's own";
  if (prefix.endsWith("/")) return "ends with `/`: leave it out, the prefix is followed by one anyway";
  if (prefix.split("/").includes(RESERVED)) return `holds the level \`${RESERVED}\`, which is Trueup's own`;
  return topicFault(prefix);
}

/** @throws TrueupError DOCUMENT_UNREPRESENTABLE */
export function topicOf(prefix: string, key: string): string {
  const topic = `${prefix}/${key}`;
  const fault = key.split("/").includes(RESERVED)
    ? `holds the level \`${RESERVED}\`, which is Trueup's own`
    : topicFault(topic);
  if (fault !== undefined) throw new TrueupError("DOCUMENT_UNREPRESENTABLE", `the topic "${topic}" ${fault}`);
  return topic;
}

/** The key of a topic in the document; undefined for the prefix itself and for what is Trueup's own. */
export function keyOf(prefix: string, topic: string): string | undefined {
  if (!topic.startsWith(`${prefix}/`)) return undefined;
  const key = topic.slice(prefix.length + 1);
  return key.includes(RESERVED) && key.split("/").includes(RESERVED) ? undefined : key;
}

export function sentinelTopic(prefix: string, id: string): string {
  return `${prefix}/${RESERVED}/${id}`;
}

export function isSentinel(prefix: string, topic: string): boolean {
  return topic.startsWith(sentinelTopic(prefix, ""));
}
