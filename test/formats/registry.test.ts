import { expect, it } from "vitest";
import { formatOf } from "../../src/formats/registry.js";

it.each([
  ["a/b/app.yaml", "YAML"],
  ["APP.YML", "YAML"],
  ["app.json", "JSON"],
  ["app.toml", "TOML"],
  ["api.env", "dotenv"],
  ["host/.env", "dotenv"],
  ["app.ini", "INI"],
  ["app.properties", "properties"],
  ["nginx.conf", undefined],
  ["Makefile", undefined],
  [".yaml.bak", undefined],
])("knows the format of %s", (name, format) => {
  expect(formatOf(name)?.name).toBe(format);
});
