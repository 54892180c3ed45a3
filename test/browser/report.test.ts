import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, describe, expect, it } from "vitest";
import { compileReport, type ReportInput } from "../../src/reports/compile.js";
import { reportHtml } from "../../src/reports/html.js";
import { launchBrowser } from "../support/browser.js";
import { believableWeek, inputOf } from "../support/report-week.js";

const browser: Browser | string = await launchBrowser();
afterAll(async () => {
  if (typeof browser !== "string") await browser.close();
});

/** What a page did while it was shown. */
async function shown(input: ReportInput, width: number, picture?: string) {
  if (typeof browser === "string") throw new Error(browser);
  const page = await browser.newPage({ viewport: { width, height: 900 } });
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on("console", (line) => complaints.push(line.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => requests.push(request.url()));
  await page.setContent(reportHtml(compileReport(input)), { waitUntil: "load" });
  const scroll = (name: "scrollWidth" | "clientWidth") => page.evaluate(`document.documentElement.${name}`);
  const over = Number(await scroll("scrollWidth")) - Number(await scroll("clientWidth"));
  const text = await page.innerText("body");
  const elements = Number(
    await page.evaluate(`document.querySelectorAll("script, img, link, iframe, [onload]").length`),
  );
  if (picture !== undefined) {
    // The page goes on; its upper part is enough of a picture.
    writeFileSync(picture, await page.screenshot({ fullPage: true, clip: { x: 200, y: 0, width: 800, height: 1880 } }));
  }
  await page.close();
  return { complaints, requests, over, text, elements };
}

describe.skipIf(typeof browser === "string")("the report in a browser", () => {
  it.each([360, 600, 1200])("fits a window of %i, asks for nothing and complains of nothing", async (width) => {
    // UPDATE_DOCS=1 takes the picture of the docs.
    const picture =
      process.env["UPDATE_DOCS"] === "1" && width === 1200
        ? fileURLToPath(new URL("../../docs/images/report.png", import.meta.url))
        : undefined;
    const { complaints, requests, over, text } = await shown(believableWeek(), width, picture);
    expect({ complaints, requests, over }).toEqual({ complaints: [], requests: [], over: 0 });
    expect(text).toContain("20 drifts found in 3 environments");
  });

  it("shows hostile names as what they are", async () => {
    const path = `/<script>alert(1)</script>"><img src=x onerror=alert(2)>/${"long".repeat(60)}`;
    const live = `'"</td></table><svg onload=alert(3)>&amp;`;
    const drift = { environment: "prod", target: `"><b>x`, path, severity: "critical" as const };
    const input = inputOf(
      [1, 2, 3].flatMap((at) => [{ ...drift, at, type: "healed" }]),
      {
        open: [{ ...drift, kind: "modified", rule: "</style><script>alert(4)</script>", live, desired: "`${x}`" }],
      },
    );
    const { complaints, requests, over, text, elements } = await shown(input, 600);
    expect({ complaints, requests, over, elements }).toEqual({ complaints: [], requests: [], over: 0, elements: 0 });
    expect(text).toContain(path);
    expect(text).toContain("</style><script>alert(4)</script>");
  });

  it("shows a span in which nothing happened", async () => {
    const { complaints, over, text } = await shown(inputOf([]), 600);
    expect({ complaints, over }).toEqual({ complaints: [], over: 0 });
    expect(text).toContain("No drift was found in 1 environment");
  });
});
