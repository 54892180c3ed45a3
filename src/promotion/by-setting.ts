/** So many files are named. */
const MOST = 20;

/** The paragraph of a merge's message that names the files in which lines were in conflict, and settings were not; empty without any. */
export function bySettingText(files: readonly string[]): string {
  if (files.length === 0) return "";
  const more = files.length > MOST ? [`… and ${files.length - MOST} more`] : [];
  return `${["Merged setting by setting:", ...files.slice(0, MOST).map((file) => `- ${line(file)}`), ...more].join("\n")}\n\n`;
}

/** On one line: a file's name must not begin a trailer, or move a terminal's cursor. */
export function line(text: string): string {
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]+/gu, "\u{fffd}");
}
