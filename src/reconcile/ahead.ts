import { targetKinds } from "../targets/registry.js";
import type { Session } from "./session.js";

/**
 * Begins, while git is still being asked, what a look at these environments will need: the store, and the drivers of the kinds
 * that a connection of theirs fits. What fails here fails again where it is needed, and is told there.
 */
export async function prepare(session: Session, environments: Iterable<string>): Promise<void> {
  // Git's processes are to be started first: loading a driver keeps this one busy.
  await session.source();
  const connections = [...environments].flatMap((name) =>
    Object.values(session.config.environments.get(name)?.connections ?? {}),
  );
  const drivers = targetKinds.filter(({ connection }) =>
    connections.some((declared) => connection.safeParse(declared).success),
  );
  await Promise.all([session.store(), ...drivers.map((kind) => kind.load?.())]);
}
