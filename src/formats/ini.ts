import { lineFormat, type Assignment, type Section } from "./lines.js";
import { aboveComments, fault, lineEnd, trimEnd, type Source } from "./text.js";

/**
 * INI in one dialect, the one that systemd, Git, PHP and most parsers have in common: `[section]` and `key = value`. A
 * comment is a whole line that begins with `;` or `#`, so `url = http://x/#a;b` is one value. Values are text as written,
 * quotes included. A section name is one name, dots or not; a section may come in several places.
 */
export const ini = lineFormat({
  name: "INI",
  extensions: [".ini"],
  scan,
  header: (name) => `[${name}]`,
  assignment: (key, value, like) => key + separator(like?.text.slice(like.keyEnd, like.valueStart)) + value,
  replacement: (value, old) => old.text.slice(old.keyEnd, old.valueStart) + value,
});

/** The style of the line before, but not its alignment: only one space on either side. */
function separator(like: string | undefined): string {
  return like === undefined ? " = " : like.replace(/[ \t]+/g, " ");
}

const COMMENT = /^[ \t]*[;#]/;

interface OpenSection extends Section {
  end: number;
  readonly assignments: Assignment[];
}

function scan(source: Source): readonly Section[] {
  const { text } = source;
  const root: OpenSection = { name: undefined, nameStart: 0, start: 0, end: -1, assignments: [] };
  const sections = [root];
  let section = root;
  let end = 0;
  for (let start = 0; start < text.length; start = end) {
    end = lineEnd(text, start);
    const line = text.slice(start, end).replace(/\r?\n$/, "");
    const indent = /[^ \t]/.exec(line)?.index;
    if (indent === undefined || COMMENT.test(line)) continue;
    if (line[indent] === "[") {
      const header = /^\[([^\]]*)\][ \t]*(?:[;#].*)?$/.exec(line.slice(indent));
      if (!header) throw fault(source, start + indent, "a section header is not closed", "Write it as `[name]`.");
      section = { name: header[1] ?? "", nameStart: start + indent + 1, start, end, assignments: [] };
      sections.push(section);
      continue;
    }
    section.assignments.push(assignment(source, { start, end, line, indent }));
    section.end = end;
  }
  const first = sections[1];
  if (root.end === -1) root.end = first ? aboveComments(text, first.start, COMMENT) : text.length;
  return sections;
}

interface Line {
  readonly start: number;
  readonly end: number;
  readonly line: string;
  readonly indent: number;
}

function assignment(source: Source, { start, end, line, indent }: Line): Assignment {
  const equals = line.indexOf("=");
  if (equals === -1) {
    const hint = "Write `key = value`; a comment begins with `;` or `#`.";
    throw fault(source, start + indent, "the line is neither a section, a comment nor an assignment", hint);
  }
  const key = trimEnd(line.slice(indent, equals));
  if (key === "") throw fault(source, start + indent, "the key is missing before `=`");
  const rest = line.slice(equals + 1);
  const value = trimEnd(rest.slice(/[^ \t]/.exec(rest)?.index ?? 0));
  const valueStart = value === "" ? start + line.length : start + equals + 1 + rest.indexOf(value);
  return {
    key,
    value,
    keyStart: start + indent,
    keyEnd: start + indent + key.length,
    valueStart,
    valueEnd: valueStart + value.length,
    start,
    end,
  };
}
