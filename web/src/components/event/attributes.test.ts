import { describe, expect, it } from "vitest";

import { splitAttributes } from "./attributes";

describe("splitAttributes", () => {
  it("takes metrics by their type and leaves the others as they are", () => {
    expect(
      splitAttributes({
        team: "search",
        "metrics.text.characters": 12345,
        "metrics.audio.sample_rate_hz": 24000,
        "metrics.audio.seconds": 1.25,
        "metrics.mine.names.first": "a",
        "metrics.not_measured": "too much was yielded",
        metricsOfMine: 1,
        flags: ["a"],
        on: true,
        missing: null,
      }),
    ).toEqual({
      metrics: [
        { type: "text", name: "characters", text: "12,345" },
        { type: "audio", name: "sample rate hz", text: "24,000" },
        { type: "audio", name: "seconds", text: "1.25" },
        { type: "mine", name: "names.first", text: "a" },
        { type: "", name: "not measured", text: "too much was yielded" },
      ],
      others: [
        { name: "team", text: "search" },
        { name: "metricsOfMine", text: "1" },
        { name: "flags", text: '["a"]' },
        { name: "on", text: "true" },
      ],
    });
  });

  it("does not round what is small to nothing", () => {
    const texts = splitAttributes({ tiny: 0.00000025, tenth: 0.1, zero: 0, long: 1234567890123 }).others.map(({ text }) => text);
    expect(texts).toEqual(["0.00000025", "0.1", "0", "1,234,567,890,123"]);
  });
});
