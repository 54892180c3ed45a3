/**
 * Numbers with units, by the rules of PostgreSQL's own guc.c, but exact: a value that the server would round is told from
 * one that it takes as it is.
 */

/** A number as a fraction of integers, so that nothing is lost before the server's own rounding is known. */
interface Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** Largest first, in bytes or microseconds. Units are case-sensitive: there is no KB and no mb. */
const MEMORY: readonly Unit[] = [
  ["TB", 1n << 40n],
  ["GB", 1n << 30n],
  ["MB", 1n << 20n],
  ["kB", 1n << 10n],
  ["B", 1n],
];
const TIME: readonly Unit[] = [
  ["d", 86_400_000_000n],
  ["h", 3_600_000_000n],
  ["min", 60_000_000n],
  ["s", 1_000_000n],
  ["ms", 1_000n],
  ["us", 1n],
];
type Unit = readonly [name: string, size: bigint];

export interface Scale {
  readonly units: readonly Unit[];
  /** What one of the setting is: `8kB` is 8192 bytes. */
  readonly base: bigint;
}

/** The scale of `pg_settings.unit`, e.g. `8kB`, `ms`, `min`; undefined for a setting without unit. */
export function scaleOf(unit: string | null): Scale | undefined {
  const match = /^(\d*)(\w+)$/.exec(unit ?? "");
  if (match === null) return undefined;
  for (const units of [MEMORY, TIME]) {
    const size = units.find(([name]) => name === match[2])?.[1];
    if (size !== undefined) return { units, base: size * BigInt(match[1] === "" ? 1 : (match[1] ?? 1)) };
  }
  return undefined;
}

export type Quantity =
  /** `count` of the setting's base units, exactly. */
  | { readonly kind: "exact"; readonly count: bigint }
  /** Between two of them: `text` is how to write it, `count` where it lies. */
  | { readonly kind: "between"; readonly count: number; readonly text: string };

const NUMBER = /^([+-]?)(0[xX][\da-fA-F]+|\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)\s*([A-Za-z]{0,3})$/;

/** A fault is a sentence about what the text is not; it does not quote the text. */
export function parseQuantity(text: string, scale: Scale | undefined): Quantity | { readonly fault: string } {
  const match = NUMBER.exec(text.trim());
  if (match === null) return { fault: "is not a number" };
  const [, sign = "", digits = "", unit = ""] = match;
  if (unit !== "" && scale === undefined) return { fault: "takes no unit" };
  const size = unit === "" ? scale?.base : scale?.units.find(([name]) => name === unit)?.[1];
  if (unit !== "" && size === undefined) {
    const known = scale?.units.map(([name]) => name).reverse() ?? [];
    return { fault: `has a unit that it does not know; units are ${known.join(", ")}, in exactly this spelling` };
  }
  const number = fraction(digits);
  if (number === undefined) return { fault: "is out of range" };
  const fine = (sign === "-" ? -1n : 1n) * number.numerator * (size ?? 1n);
  const step = number.denominator * (scale?.base ?? 1n);
  if (fine % step === 0n) return { kind: "exact", count: fine / step };
  const count = Number(fine) / Number(step);
  const whole = fine % number.denominator === 0n && scale !== undefined;
  const written = whole ? formatFine(fine / number.denominator, scale) : `${sign}${digits}${unit}`;
  return { kind: "between", count, text: written };
}

function fraction(digits: string): Fraction | undefined {
  if (/^0[xX]/.test(digits)) return { numerator: BigInt(digits), denominator: 1n };
  // As C reads it: a leading zero makes an octal number.
  if (/^0[0-7]+$/.test(digits)) return { numerator: BigInt(`0o${digits}`), denominator: 1n };
  const [mantissa = "", exponent = "0"] = digits.toLowerCase().split("e");
  const [whole = "", part = ""] = mantissa.split(".");
  const power = Number(exponent) - part.length;
  if (Math.abs(power) > 400) return undefined;
  const integer = BigInt(`${whole}${part}`);
  return power >= 0
    ? { numerator: integer * 10n ** BigInt(power), denominator: 1n }
    : { numerator: integer, denominator: 10n ** BigInt(-power) };
}

/** As SHOW writes it: in the largest unit of which it is a whole number; zero and negative numbers without unit. */
export function formatQuantity(count: bigint, scale: Scale): string {
  return count <= 0n ? String(count) : formatFine(count * scale.base, scale);
}

function formatFine(fine: bigint, { units }: Scale): string {
  for (const [name, size] of units) if (fine % size === 0n) return `${fine / size}${name}`;
  return String(fine);
}

/** A real number as SHOW writes it: the largest unit of which it is whole but for the last bits, six digits otherwise. */
export function formatReal(count: number, scale: Scale): string {
  if (count <= 0) return String(sixDigits(count));
  for (const [name, size] of scale.units) {
    const number = (count * Number(scale.base)) / Number(size);
    if (Math.abs(Math.round(number) / number - 1) <= 1e-8) return `${Math.round(number)}${name}`;
  }
  const base = scale.units.find(([, size]) => size === scale.base)?.[0] ?? "";
  return `${sixDigits(count)}${base}`;
}

/** The server shows reals with `%g`. */
export function sixDigits(number: number): number {
  return Number(number.toPrecision(6));
}
