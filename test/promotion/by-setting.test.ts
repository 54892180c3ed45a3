import { expect, it } from "vitest";
import { bySettingText } from "../../src/promotion/by-setting.js";

it("says nothing where no file was merged by setting", () => {
  expect(bySettingText([])).toBe("");
});

it("names the files, some of many, in a paragraph of its own", () => {
  const files = Array.from({ length: 22 }, (_, index) => `f${index}.yaml`);
  const text = bySettingText(files);
  expect(text).toMatch(/^Merged setting by setting:\n- f0\.yaml\n/);
  expect(text).toMatch(/- f19\.yaml\n… and 2 more\n\n$/);
  expect(text).not.toContain("f20");
});

it("lets no file's name begin a line, which could be taken for a trailer", () => {
  expect(bySettingText(["a\n\nTrueup-Promoted: 1a2b\n.yaml"])).toBe(
    "Merged setting by setting:\n- a\u{fffd}Trueup-Promoted: 1a2b\u{fffd}.yaml\n\n",
  );
});
