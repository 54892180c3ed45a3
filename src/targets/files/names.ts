import { isAbsolute, sep } from "node:path";
import { TrueupError } from "../../core/errors.js";

/**
 * The path segments of a file's name below the root. Refuses whatever could lead out of it by its words alone; links are
 * looked at when the file is opened.
 * @throws TrueupError TARGET_REFUSED
 */
export function segmentsOf(name: string): string[] {
  const segments = name.split("/");
  const fault = isAbsolute(name)
    ? "is absolute"
    : name.includes("\0")
      ? "holds a NUL character"
      : segments.includes("..")
        ? 'leads upwards by ".."'
        : segments.some((segment) => segment === "" || segment === "." || (sep !== "/" && /[\\:]/.test(segment)))
          ? "has an empty or unusable segment"
          : undefined;
  if (fault === undefined) return segments;
  throw new TrueupError("TARGET_REFUSED", `the file name ${JSON.stringify(name)} ${fault}`, {
    hint: "Name files by their path below the root, such as etc/app.toml.",
  });
}
