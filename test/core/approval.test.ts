import { describe, expect, it } from "vitest";
import { type ApprovalState, refusalOf } from "../../src/core/approval.js";
import { tableIn } from "../support/tables.js";

describe("the table above `refusalOf`", () => {
  const rows = tableIn("core/approval.ts");
  const both = (cell: string | undefined, yes: string): boolean[] => (cell === "any" ? [true, false] : [cell === yes]);

  it("says something of every case, and only once", () => {
    const cases = rows.flatMap(([approval, freeze, blast, confirm]) =>
      both(freeze, "yes").flatMap((frozen) =>
        both(blast, "beyond").flatMap((beyond) =>
          both(confirm, "yes").map((confirmed) => JSON.stringify([approval, frozen, beyond, confirmed])),
        ),
      ),
    );
    expect(cases).toHaveLength(24);
    expect(new Set(cases).size).toBe(24);
  });

  it.each(rows.map((row) => ({ row, name: row.join(" | ") })))("$name", ({ row }) => {
    const [approval, freeze, blast, confirm, then = ""] = row;
    const [code, reasons] = then.split(": ");
    for (const frozen of both(freeze, "yes")) {
      for (const beyond of both(blast, "beyond")) {
        for (const confirmed of both(confirm, "yes")) {
          const refusal = refusalOf({
            approval: approval as ApprovalState,
            ...{ freeze: frozen ? "freeze" : undefined, blast: beyond ? "blast" : undefined, confirm: confirmed },
          });
          expect(refusal).toEqual(
            code === "written" ? undefined : { code, reasons: reasons === undefined ? [] : reasons.split(", ") },
          );
        }
      }
    }
  });
});
