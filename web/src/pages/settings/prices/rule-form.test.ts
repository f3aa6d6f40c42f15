import { describe, expect, it } from "vitest";

import type { PriceRow } from "../../../api/types";
import { EMPTY_RULE, isFilled, listPrices, ruleRequest } from "./rule-form";

describe("ruleRequest", () => {
  it("leaves out rates without a price and keeps decimals as they were typed", () => {
    const rates = [
      { unit: "input_text_tokens", usd: "$1.10", per: "1000000" },
      { unit: "output_text_tokens", usd: " ", per: "1000000" },
    ];
    const draft = { ...EMPTY_RULE, provider: " openai ", model: "gpt-5", rates };
    expect(ruleRequest(draft)).toEqual({
      kind: "override",
      provider: "openai",
      model: "gpt-5",
      valid_from: null,
      valid_to: null,
      note: "",
      dimensions: {},
      rates: [{ unit: "input_text_tokens", rate_usd: "1.10", per: 1_000_000 }],
    });
  });

  it("maps to a model of the same provider where no other is named", () => {
    const draft = { ...EMPTY_RULE, kind: "mapping" as const, provider: "azure_openai", model: "our-chat", toModel: "gpt-5" };
    expect(ruleRequest(draft)).toMatchObject({ to_provider: "azure_openai", to_model: "gpt-5" });
    expect(ruleRequest(draft)).not.toHaveProperty("rates");
  });

  it("begins a day at its midnight in UTC", () => {
    const draft = { ...EMPTY_RULE, kind: "discount" as const, provider: "openai", percent: "12.5", from: "2026-11-01" };
    expect(ruleRequest(draft)).toMatchObject({ percent: "12.5", valid_from: "2026-11-01T00:00:00Z", model: null });
  });
});

describe("isFilled", () => {
  it("wants a rate with a price for own rates, and something to take a discount from", () => {
    const named = { ...EMPTY_RULE, provider: "openai", model: "gpt-5" };
    expect(isFilled(named)).toBe(false);
    expect(isFilled({ ...named, rates: [{ unit: "input_text_tokens", usd: "1", per: "1" }] })).toBe(true);
    expect(isFilled({ ...EMPTY_RULE, kind: "discount", percent: "5" })).toBe(false);
    expect(isFilled({ ...EMPTY_RULE, kind: "free", provider: "openai", model: "m" })).toBe(true);
  });
});

describe("listPrices", () => {
  it("takes the rate that holds now and without a condition", () => {
    const row = { unit: "input_text_tokens", dimensions: {}, above_input_tokens: null, hours: null, valid_from: null, valid_to: null };
    const rows = [
      { ...row, rate_usd: "9", valid_to: "2026-01-01T00:00:00Z" },
      { ...row, rate_usd: "3", valid_from: "2026-01-01T00:00:00Z" },
      { ...row, rate_usd: "1.5", valid_from: "2026-01-01T00:00:00Z", dimensions: { batch: "true" } },
      { ...row, rate_usd: "6", above_input_tokens: 200_000 },
    ] as unknown as PriceRow[];
    expect(listPrices(rows, Date.parse("2026-11-21T00:00:00Z")).get("input_text_tokens")?.rate_usd).toBe("3");
  });
});
