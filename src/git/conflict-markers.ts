/**
 * A text in which git marked conflicts, with our side in each of them; undefined where its markers cannot be told from what
 * the file itself says. `sides` are the names that git was given for ours and theirs: no file is likely to hold those.
 */
export function ourSide(text: string, sides: readonly [ours: string, theirs: string]): string | undefined {
  const kept: string[] = [];
  let side: Side = "both";
  for (const line of text.split(/(?<=\n)/)) {
    const turn = turnOf(line, side, sides);
    if (turn === undefined) {
      if (side !== "theirs") kept.push(line);
    } else if (turn.from === side) side = turn.to;
    else return undefined;
  }
  return side === "both" ? kept.join("") : undefined;
}

type Side = "both" | "ours" | "theirs";

interface Turn {
  readonly from: Side;
  readonly to: Side;
}

/** What a mark leads from and to; undefined for a line that is none. */
function turnOf(line: string, side: Side, [ours, theirs]: readonly [string, string]): Turn | undefined {
  if (line.startsWith(`<<<<<<< ${ours}`)) return { from: "both", to: "ours" };
  if (line.startsWith(`>>>>>>> ${theirs}`)) return { from: "theirs", to: "both" };
  return side !== "both" && /^={7}\r?\n$/.test(line) ? { from: "ours", to: "theirs" } : undefined;
}
