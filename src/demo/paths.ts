import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The package's own folder: what it ships lies beside `dist`. */
export const PACKAGE = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** Everything of the demonstration is under `.trueup/`, in the folder in which it is started; removing that starts anew. */
export function worldPaths(folder: string) {
  const root = join(folder, ".trueup");
  return {
    root,
    config: join(root, "trueup.yaml"),
    facts: join(root, "world.json"),
    repository: join(root, "environments.git"),
    state: join(root, "state"),
    postgres: (environment: string) => join(root, "postgres", environment),
    topics: (environment: string) => join(root, "brokers", `${environment}.json`),
    host: (environment: string) => join(root, "hosts", environment),
  };
}
export type WorldPaths = ReturnType<typeof worldPaths>;
