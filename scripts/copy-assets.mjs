// tsc copies only TypeScript: the numbered SQL files, and what `trueup init` writes, travel beside the code that reads them.
import { chmodSync, cpSync, existsSync, rmSync } from "node:fs";

if (existsSync("src/store/migrations")) {
  cpSync("src/store/migrations", "dist/store/migrations", { recursive: true });
}
if (existsSync("src/cli/init/template")) {
  rmSync("dist/cli/init/template", { recursive: true, force: true });
  cpSync("src/cli/init/template", "dist/cli/init/template", { recursive: true });
}
if (existsSync("dist/cli/main.js")) chmodSync("dist/cli/main.js", 0o755);
await import("./build-store-template.mjs");
