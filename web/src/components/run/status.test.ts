import { describe, expect, it } from "vitest";

import { statusTone } from "./status";

describe("statusTone", () => {
  it("keeps failures, unfinished work and success apart", () => {
    expect(["ok", "error", "running", "abandoned"].map(statusTone)).toEqual(["good", "bad", "accent", "warn"]);
  });

  it("has a tone for a status that it has never heard of, also where an object has that property", () => {
    expect(statusTone("paused")).toBe("neutral");
    expect(statusTone("constructor")).toBe("neutral");
  });
});
