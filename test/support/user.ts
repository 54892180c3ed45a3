/** The id of `nobody`, who owns nothing that a test makes. */
export const NOBODY = 65_534;

/**
 * Runs something with the rights of an ordinary user, also where the tests run as root, who may do everything. A vitest
 * worker is a process of its own, so that nothing else runs under the changed user meanwhile.
 */
export async function asOrdinaryUser<T>(run: () => Promise<T>): Promise<T> {
  const { geteuid, seteuid, getegid, setegid } = process;
  if (geteuid?.() !== 0 || seteuid === undefined || getegid === undefined || setegid === undefined) return run();
  const group = getegid();
  setegid(NOBODY);
  seteuid(NOBODY);
  try {
    return await run();
  } finally {
    seteuid(0);
    setegid(group);
  }
}
