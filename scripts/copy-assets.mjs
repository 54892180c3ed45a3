// tsc copies only TypeScript: the numbered SQL files travel beside the code that reads them.
import { chmodSync, cpSync, existsSync } from "node:fs";

if (existsSync("src/store/migrations")) {
  cpSync("src/store/migrations", "dist/store/migrations", { recursive: true });
}
if (existsSync("dist/cli/main.js")) chmodSync("dist/cli/main.js", 0o755);
await import("./build-store-template.mjs");
