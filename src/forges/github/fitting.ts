/** GitHub refuses a text of more than 65,536 characters; what is added to one needs room, too. */
const LONGEST = 65_000;

/** As much of a text as GitHub takes, by whole lines: half of a table's row is none. */
export function fitting(text: string): string {
  if (text.length <= LONGEST) return text;
  return `${text.slice(0, text.lastIndexOf("\n", LONGEST))}\n\n… and more than GitHub takes of a text.`;
}
