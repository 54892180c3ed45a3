import { closest, distance } from "fastest-levenshtein";

/** The known word that was probably meant, if one is near enough. */
export function suggest(word: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const nearest = closest(word.toLowerCase(), [...known]);
  // Two letters that changed places are two edits: `hots` is still `host`.
  const bound = Math.ceil(Math.max(word.length, nearest.length) / 3);
  return distance(word.toLowerCase(), nearest.toLowerCase()) <= bound ? nearest : undefined;
}

/** `did you mean "x"?`, or the list of what is known: the hint of an error about an unknown word. */
export function suggestion(word: string, known: readonly string[]): string {
  const near = suggest(word, known);
  if (near !== undefined) return `did you mean "${near}"?`;
  if (known.length === 0) return "none is declared";
  return `known: ${[...known].sort().join(", ")}`;
}
