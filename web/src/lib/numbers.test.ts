import { describe, expect, it } from "vitest";

import { formatChange, formatCount, formatShare, formatTokens, plural, relativeChange } from "./numbers";

describe("numbers", () => {
  it("count exactly, and tokens shortly from ten thousand on", () => {
    expect(formatCount(1234567)).toBe("1,234,567");
    expect(formatCount(null)).toBe("—");
    expect(formatTokens(9_999)).toBe("9,999");
    expect(formatTokens(12_345)).toBe("12.3K");
    expect(formatTokens(4_200_000)).toBe("4.2M");
    expect(formatTokens(null)).toBe("—");
  });

  it("never round a share to nothing or to all", () => {
    expect(formatShare(0)).toBe("0%");
    expect(formatShare(0.0004)).toBe("<0.1%");
    expect(formatShare(0.042)).toBe("4.2%");
    expect(formatShare(0.5)).toBe("50%");
    expect(formatShare(0.9999)).toBe(">99.9%");
    expect(formatShare(1)).toBe("100%");
    expect(formatShare(null)).toBe("—");
  });

  it("compare with the period before", () => {
    expect(relativeChange(12, 10)).toBeCloseTo(0.2);
    expect(relativeChange(12, 0)).toBeNull();
    expect(formatChange(0.2)).toBe("+20%");
    expect(formatChange(-0.034)).toBe("−3.4%");
    expect(formatChange(13)).toBe("×14");
    expect(formatChange(0)).toBe("±0%");
  });

  it("agree in number", () => {
    expect(plural(1, "call")).toBe("1 call");
    expect(plural(0, "call")).toBe("0 calls");
    expect(plural(2, "query", "queries")).toBe("2 queries");
  });
});
