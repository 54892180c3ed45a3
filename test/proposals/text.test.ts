import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ReportedFinding } from "../../src/reconcile/report.js";
import { contentOf, type ProposedSetting } from "../../src/proposals/text.js";

const setting = (more: Partial<ReportedFinding> = {}): ProposedSetting => ({
  finding: {
    ...{ path: "/pool/max", kind: "modified", desired: 20, live: 5, severity: "medium" },
    ...{ actions: ["propose"], rule: "default" },
    ...more,
  },
  since: "2026-11-21T03:00:00.000Z",
  place: "environments/prod/settings.yaml:4",
});
const content = (...settings: ProposedSetting[]) =>
  contentOf({
    environment: "prod",
    target: "settings",
    branch: "prod",
    settings,
    left: [],
    histories: [],
    commands: false,
  });

describe("a drift pull request", () => {
  it("says in its title what drifted, how much and how bad", () => {
    expect(content(setting()).title).toBe("Drift in prod/settings: 1 setting (medium)");
    const two = content(setting({ severity: "low" }), setting({ severity: "critical", path: "/b" }));
    expect(two.title).toBe("Drift in prod/settings: 2 settings (critical)");
    expect(two.labels).toEqual(["trueup", "drift", "severity/critical"]);
  });

  it("has a row a setting: git, live, severity, rule, since, who changed it, and where it is written", () => {
    const row = (who: string) =>
      "| <code>/pool/max</code> | <code>20</code> | <code>5</code> | medium | <code>default</code> | " +
      `<code>2026-11-21T03:00:00.000Z</code> | ${who} | <code>environments/prod/settings.yaml:4</code> |`;
    expect(content(setting()).body).toContain(row("*unknown*"));
    const changedBy = { by: "alice", how: "column updated_by", certainty: "likely" } as const;
    expect(content(setting({ changedBy })).body).toContain(
      row("<code>alice &#40;likely: column updated_by&#41;</code>"),
    );
  });

  it("shows what is absent as absent, and the text null as text", () => {
    expect(content(setting({ live: null })).body).toContain("| <code>20</code> | *absent* |");
    expect(content(setting({ live: "null" })).body).toContain("<code>&#34;null&#34;</code>");
  });

  it("names what it could not write, and why", () => {
    const { body } = contentOf({
      ...{ environment: "prod", target: "host", branch: "prod", settings: [setting()], histories: [] },
      ...{ left: [{ path: "/x", reason: "TOML has no null" }], commands: true },
    });
    expect(body).toContain("- <code>/x</code>: <code>TOML has no null</code>");
    expect(body).toContain("`/trueup hold 4h because …`");
  });

  it("cuts long values and long tables, so that GitHub takes it", () => {
    const many = Array.from({ length: 500 }, (_, index) => setting({ path: `/k${index}`, live: "x|".repeat(40_000) }));
    const { body } = content(...many);
    expect(body).toContain("and 400 more");
    const [row = ""] = body.split("\n").filter((line) => line.includes("/k99<"));
    expect(row.length).toBeLessThan(2_000);
  });

  it("makes no emphasis of underlines and no link of an address", () => {
    const { body } = content(
      setting({ path: "/_a_/__proto__/work_mem", live: "https://evil.example www.evil.example" }),
    );
    expect(body).toContain("<code>/&#95;a&#95;/&#95;&#95;proto&#95;&#95;/work_mem</code>");
    expect(body).toContain("<code>&#34;https:&#47;/evil.example www&#46;evil.example&#34;</code>");
  });

  it("keeps whatever is written in a value, path or rule in its cell: no mark-up, mention or link", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string(), (live, rule) => {
        const hostile = `${live}|@acme/ops #1 [x](http://evil) <img src=x> \`${rule}\`\n\n# h`;
        const changedBy = { by: hostile, how: hostile, certainty: "possible" } as const;
        const { body } = content(setting({ live: hostile, rule: hostile, path: `/${hostile}`, changedBy }));
        const rows = body.split("\n").filter((line) => line.startsWith("| <code>"));
        expect(rows).toHaveLength(1);
        const cells = (rows[0] ?? "").split("|").slice(1, -1);
        expect(cells).toHaveLength(8);
        for (const cell of cells) expect(cell).toMatch(/^ (<code>[^<>`@|[\]()*~]*<\/code>|medium) $/);
      }),
    );
  });
});
