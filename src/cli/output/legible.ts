/** What moves a terminal's cursor, rings it, renames it, or turns the direction of writing; not line ends, tabs and the colours of `paint`. */
const UNSAFE =
  /\u001b(?!\[(?:[12]|22|3[12356]|39)m)|[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Text of which a runner of GitHub Actions takes no command: neither `::name::` at the begin of a line, blanks or not, nor
 * `##[name]` anywhere. It reads both streams, and what stands in an error may be anybody's.
 */
export function inert(text: string): string {
  return text.replaceAll(/^(?=[^\S\n]*::)/gm, "| ").replaceAll("##[", "## [");
}

/** Text for a terminal or a log: git, live systems and their errors say what they like, and nothing of it is an order to the terminal. */
export function legible(text: string): string {
  return text.replaceAll(UNSAFE, "\u{fffd}");
}
