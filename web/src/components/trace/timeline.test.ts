import { describe, expect, it } from "vitest";

import { panBy, timeTicks, timeToX, zoomAt } from "./timeline";

const bounds = { from_ms: 0, to_ms: 1000 };

describe("timeTicks", () => {
  it("stands at round steps within the span", () => {
    expect(timeTicks({ from_ms: 0, to_ms: 1000 }, 5)).toEqual([0, 200, 400, 600, 800, 1000]);
    expect(timeTicks({ from_ms: 130, to_ms: 900 }, 4)).toEqual([200, 400, 600, 800]);
  });

  it("uses the steps of a clock for longer spans", () => {
    const minute = 60_000;
    expect(timeTicks({ from_ms: 0, to_ms: 26 * minute }, 4)).toEqual([0, 10 * minute, 20 * minute]);
    expect(timeTicks({ from_ms: 0, to_ms: 50_000 }, 4)).toEqual([0, 15_000, 30_000, 45_000]);
  });

  it("is empty for an empty span", () => {
    expect(timeTicks({ from_ms: 5, to_ms: 5 }, 5)).toEqual([]);
  });
});

describe("zoom and pan", () => {
  it("keeps the time under the pointer in place", () => {
    const zoomed = zoomAt(bounds, bounds, 250, 1000, 0.5);
    expect(zoomed).toEqual({ from_ms: 125, to_ms: 625 });
    expect(timeToX(250, zoomed, 1000)).toBe(250);
  });

  it("never leaves the run", () => {
    expect(zoomAt(bounds, bounds, 10, 1000, 4)).toEqual(bounds);
    expect(panBy({ from_ms: 100, to_ms: 300 }, bounds, -5000, 1000)).toEqual({ from_ms: 0, to_ms: 200 });
    expect(panBy({ from_ms: 100, to_ms: 300 }, bounds, 50_000, 1000)).toEqual({ from_ms: 800, to_ms: 1000 });
  });
});
