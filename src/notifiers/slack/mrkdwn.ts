import { oneLine } from "../../lib/one-line.js";

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/** Text that Slack shows as it is: no mention, no link. At most `limit` characters as they are sent; no escape is cut in two. */
export function escaped(text: string, limit: number): string {
  let result = "";
  for (const character of text) {
    const next = ESCAPES[character] ?? character;
    if (result.length + next.length >= limit) return `${result}…`;
    result += next;
  }
  return result;
}

/** One line in a code span, in which nothing but a backtick has a meaning: another character that looks like it stands for it. */
export function code(text: string, limit: number): string {
  const line = oneLine(text).replaceAll("`", "ˋ");
  return `\`${line === "" ? " " : escaped(line, limit - 2)}\``;
}

/** A link, or nothing where the address is none that a person can follow. */
export function link(url: string, text: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { href, protocol } = new URL(url);
  if (protocol !== "http:" && protocol !== "https:") return undefined;
  const target = href.replaceAll("|", "%7C").replaceAll("<", "%3C").replaceAll(">", "%3E").replaceAll("&", "&amp;");
  return target.length > 2_000 ? undefined : `<${target}|${escaped(text, 200)}>`;
}
