import type { ListRules } from "../../src/core/change.js";
import { files } from "../../src/targets/files/index.js";
import type { Target } from "../../src/targets/target.js";

/** By itself, without what only tests need: processes that are killed by the dozen begin with it. */
export function openFiles(root: string, options: { spec?: unknown; lists?: ListRules } = {}): Promise<Target> {
  return files.open({
    environment: "test",
    name: "host",
    spec: files.spec.parse(options.spec ?? {}),
    connection: files.connection.parse({ root }),
    lists: options.lists ?? {},
  });
}
