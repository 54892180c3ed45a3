import type { Edit } from "../../core/change.js";
import { TrueupError } from "../../core/errors.js";
import { LIMITS } from "../../core/limits.js";
import { emptyMap, equal, type Value } from "../../core/value.js";
import type { Format, ParseOptions } from "../../formats/format.js";
import { formatOf } from "../../formats/registry.js";

/** How one file's text and its tree are turned into each other. A file of no known extension is one text. */
export interface Content {
  parse(text: string): Value;
  /** @throws TrueupError DOCUMENT_UNREPRESENTABLE */
  normalize(value: Value): Value;
  /** The text with the edits of its tree; undefined on either side: no file. */
  edit(text: string | undefined, edits: readonly Edit[]): string | undefined;
}

/** `file` is the name in error messages, `name` the one whose extension counts. */
export function contentOf(name: string, options: ParseOptions): Content {
  const format = formatOf(name);
  return format === undefined ? opaque(options.file) : structured(format, options);
}

/**
 * Edits a file's text into `value` and makes sure, before anything is written, that it reads back as that: a fault in a
 * format must not reach a live system. Undefined where no file shall be.
 * @throws TrueupError DOCUMENT_UNREPRESENTABLE, DOCUMENT_TOO_LARGE
 */
export function rewrite(
  content: Content,
  { text, edits, value }: { text: string | undefined; edits: readonly Edit[]; value: Value | undefined },
): Buffer | undefined {
  const edited = content.edit(text, edits);
  if (edited === undefined || (value === undefined && isBlank(edited))) return undefined;
  const bytes = Buffer.from(edited, "utf8");
  if (bytes.length > LIMITS.bytes) {
    throw new TrueupError(
      "DOCUMENT_TOO_LARGE",
      `the file would have ${bytes.length} bytes; the limit is ${LIMITS.bytes}`,
    );
  }
  // Parsed from the bytes: a lone surrogate has no UTF-8 form and would come back as another character.
  const back = content.parse(bytes.toString("utf8"));
  if (equal(back, content.normalize(value ?? emptyMap()))) return bytes;
  throw new TrueupError("DOCUMENT_UNREPRESENTABLE", "the file would not read back as planned, so it was not written", {
    hint: "Compare the values with what the file's format can hold; where it can hold them, this is a fault of Trueup.",
  });
}

/** Whether nothing is left that a person wrote, such as a comment. */
function isBlank(text: string): boolean {
  return /^(?:\{\s*\})?$/.test(text.trim());
}

function structured(format: Format, options: ParseOptions): Content {
  return {
    parse: (text) => format.parse(text, options).value,
    normalize: (value) => format.normalize(value),
    edit: (text, edits) => {
      let current = text;
      for (const run of runs(edits)) {
        const whole = run[0]?.path.length === 0;
        current = whole && run[0]?.value === undefined ? undefined : format.edit(current ?? "", run, options);
      }
      return current;
    },
  };
}

/** Edits in their order, those of the whole tree by themselves. */
function runs(edits: readonly Edit[]): Edit[][] {
  const groups: Edit[][] = [];
  let open: Edit[] | undefined;
  for (const edit of edits) {
    if (edit.path.length === 0) {
      groups.push([edit]);
      open = undefined;
    } else if (open === undefined) groups.push((open = [edit]));
    else open.push(edit);
  }
  return groups;
}

function opaque(file: string): Content {
  const normalize = (value: Value): string => {
    // A lone surrogate has no UTF-8 form.
    if (typeof value === "string" && !/\p{Surrogate}/u.test(value)) return value;
    throw new TrueupError("DOCUMENT_UNREPRESENTABLE", "a file of this extension is one text, and its value no string", {
      where: { file },
      hint: "Give the whole text as a string, or name the file by its format: .yaml .yml .json .toml .env .ini .properties.",
    });
  };
  return {
    parse: (text) => text,
    normalize,
    edit: (text, edits) => {
      let current = text;
      for (const { path, value } of edits) {
        if (path.length > 0)
          throw new TrueupError("DOCUMENT_UNREPRESENTABLE", "a text file has no settings of its own");
        current = value === undefined ? undefined : normalize(value);
      }
      return current;
    },
  };
}
