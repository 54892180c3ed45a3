import picomatch from "picomatch";

/** Where GitHub looks, in its order: the first that is there counts. Relative to the repository's top. */
export const CODEOWNERS = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"] as const;

/**
 * Who a CODEOWNERS file says shall review these files (relative to the repository's top): logins, and `org/team` for teams.
 * The last line that matches a file decides, also where it names nobody. E-mail addresses cannot be asked for a review.
 * https://docs.github.com/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners
 */
export function reviewersOf(codeowners: string, files: Iterable<string>): readonly string[] {
  const rules = codeowners.split(/\r?\n/).flatMap(ruleOf).reverse();
  const owners = [...files].flatMap((file) => rules.find(({ matches }) => matches(file))?.owners ?? []);
  return [...new Set(owners.flatMap((owner) => (owner.startsWith("@") ? [owner.slice(1)] : [])))];
}

interface Rule {
  readonly matches: (file: string) => boolean;
  readonly owners: readonly string[];
}

function ruleOf(line: string): readonly Rule[] {
  const [pattern = "", ...words] = line.trim().split(/(?<!\\)\s+/);
  // GitHub skips what it does not know from .gitignore: negation, and ranges of characters.
  if (pattern === "" || /^[#!]|\[/.test(pattern)) return [];
  const comment = words.findIndex((word) => word.startsWith("#"));
  return [{ matches: matcher(pattern), owners: comment === -1 ? words : words.slice(0, comment) }];
}

/** As .gitignore reads a pattern, but that a star at the end of a path is of the files in that folder, not of all below. */
function matcher(pattern: string): (file: string) => boolean {
  const path = pattern.replaceAll("\\ ", " ").replace(/^\/|\/$/g, "");
  const text = path.replaceAll(/[(){}|+@^$!\\]/g, "\\$&");
  const isAnchored = pattern.replace(/\/$/, "").includes("/");
  const glob = isAnchored ? text : `**/${text}`;
  const below = isAnchored && path.endsWith("/*") ? [] : [`${glob}/**/*`];
  const itself = pattern.endsWith("/") ? [] : [glob];
  return picomatch([...itself, ...below], { dot: true, noextglob: true, nobrace: true, nonegate: true });
}
