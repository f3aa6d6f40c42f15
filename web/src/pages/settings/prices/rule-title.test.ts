import { describe, expect, it } from "vitest";

import type { PriceRule } from "../../../api/types";
import { ruleAuthor, ruleTitle } from "./rule-title";

const RULE = {
  kind: "override",
  provider: "openai",
  model: "gpt-5",
  rates: [{ unit: "input_text_tokens", unit_label: "Input tokens", rate_usd: "1.10", per: 1_000_000 }],
  dimensions: {},
  above_input_tokens: null,
} as unknown as PriceRule;

describe("ruleTitle", () => {
  it("says what each kind does", () => {
    expect(ruleTitle(RULE)).toBe("openai gpt-5: Input tokens $1.10 per million");
    expect(ruleTitle({ ...RULE, dimensions: { batch: "true" } })).toContain("gpt-5 (batch):");
    expect(ruleTitle({ ...RULE, kind: "free" })).toBe("openai gpt-5: free");
    expect(ruleTitle({ ...RULE, kind: "discount", model: null, percent: "12.5", units: null })).toBe("openai every model: 12.5 % off");
    expect(ruleTitle({ ...RULE, kind: "mapping", model: "our-chat", to_provider: "openai", to_model: "gpt-5" })).toBe("openai our-chat means gpt-5");
  });
});

describe("ruleAuthor", () => {
  it("shows no ids", () => {
    expect(ruleAuthor("session:01a1")).toBe("in the dashboard");
    expect(ruleAuthor("key:1")).toBe("with an API key");
  });
});
