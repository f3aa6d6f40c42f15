import { describe, expect, it } from "vitest";

import { Changes, isHeavyAndFresh } from "./changes";

describe("Changes", () => {
  it("makes old only the run and the event that a message names, once", () => {
    const changes = new Changes();
    changes.add("event", JSON.stringify({ event_id: "e1", run_id: "r1" }));
    const isOld = changes.take();
    expect(isOld(["run", "default", "r1"])).toBe(true);
    expect(isOld(["run", "default", "r2"])).toBe(false);
    expect(isOld(["event", "default", "e1"])).toBe(true);
    expect(isOld(["event", "default", "r1"])).toBe(false);
    expect(isOld(["totals", {}])).toBe(false);
    expect(changes.take()(["run", "default", "r1"])).toBe(false);
  });

  it("makes every run old where messages were left out or cannot be read", () => {
    for (const [type, text] of [["dropped", '{"dropped":3}'], ["event", "{"], ["event", "null"]] as const) {
      const changes = new Changes();
      changes.add(type, text);
      expect(changes.take()(["run", "default", "any"])).toBe(true);
    }
  });
});

describe("isHeavyAndFresh", () => {
  it("holds back only large runs that were fetched a moment ago", () => {
    const nodes = (count: number) => ({ nodes: Array.from({ length: count }, () => ({})) });
    expect(isHeavyAndFresh(nodes(5_000), 1_000)).toBe(true);
    expect(isHeavyAndFresh(nodes(5_000), 15_000)).toBe(false);
    expect(isHeavyAndFresh(nodes(10), 0)).toBe(false);
    expect(isHeavyAndFresh(undefined, 0)).toBe(false);
  });
});
