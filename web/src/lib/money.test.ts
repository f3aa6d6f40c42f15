import { describe, expect, it } from "vitest";

import { compareUsd, divideUsd, formatUsd, formatUsdExact, formatUsdShort, parseUsd, sumUsd, usdShare } from "./money";

describe("formatUsd", () => {
  it.each([
    ["0.000042", "$0.000042"],
    ["0.000000000001", "$0.000000000001"],
    ["0.0000421987", "$0.0000422"],
    ["0.0042", "$0.0042"],
    ["0.05", "$0.05"],
    ["0.5", "$0.50"],
    ["0.123456", "$0.123"],
    ["0.9996", "$1.00"],
    ["1", "$1.00"],
    ["12.345", "$12.34"],
    ["12.355", "$12.36"],
    ["1234567.891", "$1,234,567.89"],
    ["-0.0042", "−$0.0042"],
    ["0", "$0"],
    ["0.000000000000", "$0"],
    ["1E-7", "$0.0000001"],
  ])("%s reads %s", (amount, text) => {
    expect(formatUsd(amount)).toBe(text);
  });

  it("never shows an unknown amount as zero", () => {
    expect(formatUsd(null)).toBe("—");
    expect(formatUsd(undefined)).toBe("—");
    expect(formatUsd("not money")).toBe("—");
    expect(formatUsdExact(null)).toBe("unknown");
  });

  it("keeps every digit on hover", () => {
    expect(formatUsdExact("0.000042198765")).toBe("$0.000042198765");
    expect(formatUsdExact("9007199254740993.000000000001")).toBe("$9,007,199,254,740,993.000000000001");
    expect(formatUsdExact("2.500000000000")).toBe("$2.50");
  });

  it("shortens for axes", () => {
    expect(formatUsdShort("12345")).toBe("$12.3k");
    expect(formatUsdShort("250000")).toBe("$250k");
    expect(formatUsdShort("1000000")).toBe("$1M");
    expect(formatUsdShort("30.00")).toBe("$30");
    expect(formatUsdShort("0.00002")).toBe("$0.00002");
  });
});

describe("sums", () => {
  it("are exact where floats are not", () => {
    expect(sumUsd(["0.1", "0.2"])).toBe("0.3");
    expect(sumUsd(["9007199254740993", "0.000000000001"])).toBe("9007199254740993.000000000001");
    expect(sumUsd(["1.5", null, "-0.25"])).toBe("1.25");
    expect(sumUsd([])).toBe("0");
  });

  it("divide half to even at twelve places", () => {
    expect(divideUsd("1", 3)).toBe("0.333333333333");
    expect(divideUsd("0.000000000001", 2)).toBe("0");
    expect(divideUsd("0.000000000003", 2)).toBe("0.000000000002");
    expect(divideUsd("1", 0)).toBeNull();
  });

  it("order unknown amounts below all others", () => {
    expect(["2", null, "10", "-1"].toSorted(compareUsd)).toEqual([null, "-1", "2", "10"]);
  });

  it("parse only numbers", () => {
    expect(parseUsd("")).toBeNull();
    expect(parseUsd(".")).toBeNull();
    expect(parseUsd("1.2.3")).toBeNull();
    expect(parseUsd("+2")).toBe(2_000_000_000_000n);
    expect(usdShare("1", "4")).toBe(0.25);
    expect(usdShare("0", "0")).toBe(0);
  });
});
