import { describe, expect, test } from "vitest";

import { labelled, scoreText, scoreTone } from "./said";

describe("scores", () => {
  test("figures keep every digit, truths are words", () => {
    expect(scoreText({ data_type: "numeric", value: "0.123456789012", label: null })).toBe("0.123456789012");
    expect(scoreText({ data_type: "boolean", value: "1", label: null })).toBe("yes");
    expect(scoreText({ data_type: "boolean", value: "0", label: null })).toBe("no");
    expect(scoreText({ data_type: "categorical", value: null, label: "polite" })).toBe("polite");
  });

  test("only a truth is good or bad", () => {
    expect(scoreTone({ data_type: "boolean", value: "1" })).toBe("good");
    expect(scoreTone({ data_type: "boolean", value: "0" })).toBe("warn");
    expect(scoreTone({ data_type: "numeric", value: "0" })).toBe("accent");
  });
});

describe("facts", () => {
  test("units stand with the value", () => {
    const data = { hit: false, saved_cost_usd: "0.0000312", saved_latency_ms: 412, ttl_s: "90", saved_tokens: 94 };
    expect(labelled({ kind: "cache", data })).toEqual([
      { label: "Result", value: "miss" },
      { label: "Saved cost", value: "$0.0000312" },
      { label: "Saved latency", value: "412 ms" },
      { label: "Ttl", value: "90 s" },
      { label: "Saved tokens", value: "94" },
    ]);
  });

  test("lists, truths and own names are readable; what is not known is left out", () => {
    const data = { alternatives: ["a", "b"], passed: true, reason: null, metadata: { team: "search", depth: { n: 1 } } };
    expect(labelled({ kind: "routing", data })).toEqual([
      { label: "Alternatives", value: "a, b" },
      { label: "Passed", value: "yes" },
      { label: "team", value: "search" },
      { label: "depth", value: '{"n":1}' },
    ]);
  });
});
