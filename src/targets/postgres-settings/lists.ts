/**
 * Settings that hold a list in one text. pg_settings does not tell which they are; these are the server's own, and an
 * extension cannot define one that quotes its elements.
 */
const QUOTED = new Map<string, "fold" | "exact">([
  ["search_path", "fold"],
  ["temp_tablespaces", "fold"],
  ["local_preload_libraries", "exact"],
  ["session_preload_libraries", "exact"],
  ["shared_preload_libraries", "exact"],
  ["unix_socket_directories", "exact"],
]);
const PLAIN = new Set([
  "DateStyle",
  "createrole_self_grant",
  "debug_io_direct",
  "listen_addresses",
  "log_connections",
  "log_destination",
  "oauth_validator_libraries",
  "restrict_nonsystem_relation_kind",
  "synchronized_standby_slots",
  "synchronous_standby_names",
  "wal_consistency_checking",
]);

export function isList(name: string): boolean {
  return QUOTED.has(name) || PLAIN.has(name);
}

/** The elements of a list setting whose elements may be quoted, as names; undefined for any other setting. */
export function quotedElements(name: string, text: string): readonly string[] | undefined {
  const rule = QUOTED.get(name);
  if (rule === undefined) return undefined;
  return [...text.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^,]*))\s*(?:,|$)/g)]
    .filter((match) => match[0] !== "" || match.index < text.length)
    .map(([, quoted, bare = ""]) => {
      if (quoted !== undefined) return quoted.replaceAll('""', '"');
      return rule === "fold" ? bare.trim().toLowerCase() : bare.trim();
    })
    .filter((element, index, all) => element !== "" || all.length > 1 || index > 0);
}

/** The list as the server keeps it: elements quoted where they need it, one space after each comma. */
export function formatList(name: string, text: string): string {
  const elements = quotedElements(name, text);
  if (elements !== undefined) return elements.map(quoteElement).join(", ");
  // An element of synchronous_standby_names has commas of its own, in parentheses or quotes: only spaces are evened out.
  return name === "synchronous_standby_names"
    ? text.trim()
    : text
        .split(",")
        .map((part) => part.trim())
        .join(", ");
}

function quoteElement(element: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(element) ? element : `"${element.replaceAll('"', '""')}"`;
}
