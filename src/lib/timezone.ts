/** Whether it is an IANA time zone. Newer runtimes take an offset for one; it would be wrong for half of the year. */
export function isTimezone(name: string): boolean {
  if (/^[+-]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
