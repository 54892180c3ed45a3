import { type Browser, chromium } from "playwright-core";

/** A browser that npm brought, with the libraries it needs; the reason, where it does not start on this machine. */
export async function launchBrowser(): Promise<Browser | string> {
  if (process.platform !== "linux" || process.arch !== "x64") return "the packaged browser is for Linux on x64";
  try {
    // Read when the module is loaded: with it, the package brings shared libraries that a bare machine lacks.
    process.env["AWS_LAMBDA_JS_RUNTIME"] ??= "nodejs20.x";
    const { default: packaged } = await import("@sparticuz/chromium");
    const executablePath = await packaged.executablePath();
    // With one process for everything, the browser ends with its first page.
    const args = packaged.args.filter((argument) => argument !== "--single-process");
    return await chromium.launch({ executablePath, args, headless: true });
  } catch (error) {
    return `no browser starts here: ${error instanceof Error ? error.message : String(error)}`;
  }
}
