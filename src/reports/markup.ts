/** Markup that is safe to stand in a page. Made by `html` only, so that no text from outside gets in unescaped. */
export interface Markup {
  readonly markup: string;
}

type Part = Markup | string | number | readonly Markup[];

/** HTML or SVG; what is put in is escaped, unless it is markup itself. A library would bring a template language for this. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  const markup = texts.reduce((page, text, index) => page + write(parts[index - 1] ?? "") + text);
  return { markup };
}

function write(part: Part): string {
  if (typeof part === "number") return String(part);
  if (typeof part === "string") return escape(part);
  return "markup" in part ? part.markup : part.map(({ markup }) => markup).join("");
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  "`": "&#96;",
};

function escape(text: string): string {
  return (
    text
      // Characters that no page may hold, and those that turn the direction of the text after them.
      .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u202a-\u202e\u2066-\u2069]/g, "\u{fffd}")
      .replaceAll(/[&<>"'`]/g, (character) => ENTITIES[character] ?? "")
  );
}
