/** A JSON Pointer (RFC 6901): `""` is the whole document, `/a~1b/c` is member `c` of member `a/b`. */
export type Pointer = string;

/** RFC 6901, section 3: `~` is written `~0`, `/` is written `~1`. */
function escapeSegment(segment: string): string {
  return segment.includes("~") || segment.includes("/") ? segment.replaceAll("~", "~0").replaceAll("/", "~1") : segment;
}

export function formatPointer(segments: readonly string[]): Pointer {
  return segments.map((segment) => `/${escapeSegment(segment)}`).join("");
}

/** The pointer's segments, unescaped (RFC 6901, section 4). A pointer that does not begin with `/` is a RangeError. */
export function parsePointer(pointer: Pointer): string[] {
  if (pointer === "") return [];
  if (!pointer.startsWith("/")) throw new RangeError(`"${pointer}" is not a JSON Pointer: it must begin with "/"`);
  return pointer
    .slice(1)
    .split("/")
    .map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** Whether a text is a JSON Pointer: each `~` in one is followed by 0 or 1 (RFC 6901, section 3). */
export function isPointer(text: string): boolean {
  return /^(\/([^~/]|~[01])*)*$/.test(text);
}

export function child(parent: Pointer, segment: string): Pointer {
  return `${parent}/${escapeSegment(segment)}`;
}
