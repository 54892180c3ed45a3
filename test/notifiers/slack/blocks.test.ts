import fc from "fast-check";
import { expect, it } from "vitest";
import { SEVERITIES } from "../../../src/core/policy.js";
import { blocksOf, fallbackOf } from "../../../src/notifiers/slack/blocks.js";
import { incident, message } from "../../contract/notifier.js";

const nasty = fc.oneof(
  fc.string({ unit: "binary", maxLength: 400 }),
  fc.constantFrom("&".repeat(4_000), "<!here>".repeat(900), "`".repeat(3_500), "🦎".repeat(2_000), "\n\n", "\ud800"),
);
const incidents = fc.array(
  fc
    .record({
      target: nasty,
      path: nasty,
      desired: nasty,
      live: nasty,
      rule: nasty,
      severity: fc.constantFrom(...SEVERITIES),
    })
    .map(incident),
  { maxLength: 120 },
);
const messages = fc
  .record({ id: nasty, title: nasty, text: nasty, incidents, url: fc.option(nasty, { nil: undefined }) })
  .map(({ url, ...rest }) => ({ ...message(), ...rest, ...(url === undefined ? {} : { url }) }));

it("keeps Slack's limits with a report, and says how many of its lines are not shown", () => {
  const section = fc.record({ title: nasty, lines: fc.array(nasty, { maxLength: 60 }) });
  fc.assert(
    fc.property(fc.array(section, { maxLength: 5 }), incidents, (sections, more) => {
      const blocks = blocksOf({ ...message({ kind: "report", text: "&".repeat(4_000) }), sections, incidents: more });
      const texts = blocks.flatMap((block) => (block.type === "section" ? [block.text] : []));
      expect(texts.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(12_400);
      expect(blocks.length).toBeLessThanOrEqual(50);
      for (const [index, { lines }] of sections.slice(0, 3).entries()) {
        const part = texts[index + 1]?.text ?? "";
        expect(part.length).toBeLessThanOrEqual(3_000);
        expect(part).not.toMatch(/[<>]/);
        const shown = [...part.matchAll(/^• /gm)].length;
        expect(part.endsWith(`${lines.length - shown} more`)).toBe(shown < lines.length);
      }
    }),
    { numRuns: 100 },
  );
});

it("keeps Slack's limits, whatever the message is, and says how many are not shown", () => {
  fc.assert(
    fc.property(messages, (one) => {
      const blocks = blocksOf(one);
      expect(blocks.length).toBeLessThanOrEqual(50);
      let sections = 0;
      for (const block of blocks) {
        if (block.type === "header") {
          expect(block.text.text.length).toBeGreaterThan(0);
          expect(block.text.text.length).toBeLessThanOrEqual(150);
          expect(block.block_id.length).toBeLessThanOrEqual(255);
        } else if (block.type === "section") {
          expect(block.text.text.length).toBeGreaterThan(0);
          expect(block.text.text.length).toBeLessThanOrEqual(3_000);
          if (block.text.type === "mrkdwn") {
            sections += 1;
            expect(block.text.text).not.toMatch(/[<>]/);
          }
        }
      }
      expect(JSON.stringify(blocks).length).toBeLessThan(40_000);
      expect(fallbackOf(one).length).toBeLessThanOrEqual(3_000);
      const hidden = one.incidents.length - sections;
      if (hidden > 0) expect(JSON.stringify(blocks.at(-1))).toContain(`${hidden} more`);
    }),
    { numRuns: 150 },
  );
});
