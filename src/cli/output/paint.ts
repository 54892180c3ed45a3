import { styleText } from "node:util";

type Style = "red" | "green" | "yellow" | "magenta" | "cyan" | "bold" | "dim";

/** Colour where a terminal shows it and nobody refused it: --no-color, NO_COLOR (no-color.org), FORCE_COLOR, TERM=dumb. */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return hasColor(stream) ? styleText(style, text) : text;
}

function hasColor(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR !== undefined && NO_COLOR !== "") return false;
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== "0";
  return stream.isTTY && TERM !== "dumb";
}

const STYLES: Readonly<Record<string, Style>> = {
  ...{ Synced: "green", Pending: "cyan", Drifted: "yellow", Unknown: "magenta", Failed: "red", Suspended: "dim" },
  ...{ low: "dim", medium: "yellow", high: "red", critical: "red" },
  ...{
    healed: "green",
    synced: "green",
    failed: "red",
    moved: "yellow",
    unreachable: "yellow",
    pendingRestart: "cyan",
  },
};

/** A state, severity or result in its colour. */
export function paintWord(word: string): string {
  const style = STYLES[word];
  return style === undefined ? word : paint(style, word);
}
