import fc from "fast-check";

/** Without the bias to special words, which would be found elsewhere. */
function letters(length: number): fc.Arbitrary<string> {
  const letter = fc.constantFrom(...Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"));
  return fc.noBias(fc.array(letter, { minLength: length, maxLength: length }).map((all) => all.join("")));
}

/** A part of a secret that nothing else holds: however the rest is quoted or escaped, this stays as it is. */
const word = letters(12);

/** What quoting, escaping, encoding and templating trip over. */
const NASTY = [
  ...['"', "'", "\\", "`", "$", "%", "|", "&", "<", ">", " ", "\t", "é", "…", "😀", "%s", "%41", "$$", "${x}", "{{"],
  ...["</script>", "-->", "]]>", "';--", "\\n", "#", ": ", "*", "!", "@", "\u2028"],
];
const nasty = fc.array(fc.constantFrom(...NASTY), { minLength: 1, maxLength: 4 }).map((parts) => parts.join(""));

/** One line, with what trips people up between two words, and blanks around. */
export const secretLine: fc.Arbitrary<string> = fc
  .tuple(fc.constantFrom("", " "), word, nasty, word, fc.constantFrom("", " "))
  .map((parts) => parts.join(""));

/** Text that stands between quotes or bare anywhere, in a URL too. */
export const secretWord: fc.Arbitrary<string> = word;

/** A private key of several lines. */
export const secretKey: fc.Arbitrary<string> = fc
  .array(letters(40), { minLength: 3, maxLength: 5 })
  .map((lines) => ["-----BEGIN EC PRIVATE KEY-----", ...lines, "-----END EC PRIVATE KEY-----"].join("\n"));

/** The same cases in every run, unless asked for others: see seed.ts. */
export function sampled<T>(arbitrary: fc.Arbitrary<T>): T {
  drawn += 1;
  const { seed = 0 } = fc.readConfigureGlobal();
  const [one] = fc.sample(arbitrary, { seed: seed + drawn, numRuns: 1 });
  if (one === undefined) throw new Error("nothing was drawn");
  return one;
}

let drawn = 0;

/** As which texts a secret would give itself away, each with the name of its form. */
function formsOf(secret: string): ReadonlyMap<string, string> {
  const forms = new Map<string, string>();
  const add = (text: string, form: string): void => {
    if (text.length >= SHORTEST) forms.set(text, form);
  };
  // Parts that no escaping changes: with them, JSON, HTML, SQL, YAML and shell quoting are all covered.
  for (const part of secret.split(/[^A-Za-z0-9+/]+/)) add(part, "in the clear, in part");
  for (const line of [secret, ...secret.split("\n")]) {
    add(line, "in the clear");
    add(encodeURIComponent(line), "percent-encoded");
    add(new URLSearchParams({ "": line }).toString().slice(1), "form-encoded");
    const json = JSON.stringify(line).slice(1, -1);
    add(json, "JSON-escaped");
    add(JSON.stringify(json).slice(1, -1), "JSON-escaped twice");
    add(ascii(json), "JSON-escaped, in ASCII");
    add(line.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;"), "HTML-escaped");
    add(line.replaceAll("'", "''"), "SQL- or YAML-quoted");
    const bytes = Buffer.from(line);
    add(bytes.toString("hex"), "in hex");
    for (const form of ["base64", "base64url"] as const) {
      // Inside a longer text it may begin at any of three alignments; the first and last digits depend on the neighbours.
      for (const before of [0, 1, 2]) {
        const digits = Buffer.concat([Buffer.alloc(before), bytes])
          .toString(form)
          .replaceAll("=", "");
        add(digits.slice(before === 0 ? 0 : before + 1, -2), form);
      }
    }
  }
  return forms;
}

/** Anything shorter is found anywhere by chance. */
const SHORTEST = 8;

function ascii(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Where a secret shows: `what: the secret's name, the form, the text around it`; each secret once a haystack. */
export function leaksIn(
  haystacks: Iterable<readonly [what: string, text: string]>,
  secrets: Iterable<readonly [name: string, secret: string]>,
): string[] {
  const needles = new Map<string, { name: string; text: string; form: string }[]>();
  for (const [name, secret] of secrets) {
    for (const [text, form] of formsOf(secret)) {
      const begin = text.slice(0, SHORTEST);
      needles.set(begin, [...(needles.get(begin) ?? []), { name, text, form }]);
    }
  }
  const found: string[] = [];
  for (const [what, text] of haystacks) {
    const told = new Set<string>();
    for (let at = 0; at <= text.length - SHORTEST; at += 1) {
      for (const needle of needles.get(text.slice(at, at + SHORTEST)) ?? []) {
        if (told.has(needle.name) || !text.startsWith(needle.text, at)) continue;
        told.add(needle.name);
        const around = text.slice(Math.max(0, at - 120), at + needle.text.length + 20).replaceAll("\n", "⏎");
        found.push(`${what}: ${needle.name} ${needle.form}: …${around}…`);
      }
    }
  }
  return found;
}
