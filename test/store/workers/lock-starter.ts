/** A process that tries to take the state directory when told to, and says what came of it. Argument: the directory. */
import { lockDirectory } from "../../../src/store/directory-lock.js";

const [directory = ""] = process.argv.slice(2);

process.on("message", () => {
  void lockDirectory(directory).then(({ kind }) => process.send?.(kind));
});
process.send?.("ready");
