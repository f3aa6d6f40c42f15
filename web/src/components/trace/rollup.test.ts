import { describe, expect, it } from "vitest";

import { costText } from "./rollup";
import type { Rollup } from "./tree";

const NOTHING: Rollup = { usd: 0n, calls: 0, unpriced: 0, estimated: 0, input_tokens: 0, output_tokens: 0, errors: 0 };

describe("costText", () => {
  it("marks a sum that lacks calls, which matters more than an estimate", () => {
    // 1.25 dollars = 1,250,000,000,000 × 10⁻¹².
    const total = { ...NOTHING, usd: 1_250_000_000_000n, calls: 3, unpriced: 1, estimated: 1 };
    expect(costText(total)).toEqual({
      text: "≥$1.25",
      title: "$1.25 · 1 of 3 calls estimated · 1 of 3 calls unpriced and not in the sum",
    });
    expect(costText({ ...total, unpriced: 0 }).text).toBe("~$1.25");
    expect(costText({ ...total, unpriced: 0, estimated: 0 }).text).toBe("$1.25");
  });

  it("never shows an unknown cost as zero", () => {
    expect(costText({ ...NOTHING, calls: 2, unpriced: 2 }).text).toBe("—");
    expect(costText(NOTHING).text).toBe("");
  });
});
