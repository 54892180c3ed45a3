/** Without control characters, line breaks, and the marks that turn the direction of writing: as a header or title needs it. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]+/gu, " ").trim();
}
