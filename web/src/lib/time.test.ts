import { describe, expect, it } from "vitest";

import {
  bucketFor,
  formatAgo,
  formatDuration,
  formatInstant,
  formatInstantExact,
  isoToWallTime,
  resolveRange,
  wallTimeToIso,
  zoneOffset,
} from "./time";

const NOW = Date.parse("2026-11-21T09:37:08.120Z");

describe("formatDuration", () => {
  it.each([
    [null, "—"],
    [0, "0 ms"],
    [0.42, "420 µs"],
    [0.99999, "1 ms"],
    [12.44, "12.4 ms"],
    [99.96, "100 ms"],
    [842.1, "842 ms"],
    [999.6, "1.00 s"],
    [6210.5, "6.21 s"],
    [9_999, "10.0 s"],
    [59_960, "1m 00s"],
    [192_000, "3m 12s"],
    [3_599_700, "1h 00m"],
    [7_500_000, "2h 05m"],
    [-3, "−3 ms"],
  ])("%s ms reads %s", (durationMs, text) => {
    expect(formatDuration(durationMs)).toBe(text);
  });
});

describe("instants", () => {
  it("are shown in the zone asked for, exact with its offset", () => {
    expect(formatInstantExact("2026-11-21T09:37:08.120Z", "Europe/Berlin")).toBe("2026-11-21 10:37:08.120 GMT+1");
    expect(formatInstantExact("2026-07-01T00:00:00Z", "Europe/Berlin")).toBe("2026-07-01 02:00:00.000 GMT+2");
    expect(formatInstantExact("2026-11-21T09:37:08.120Z", "UTC")).toBe("2026-11-21 09:37:08.120 UTC");
    expect(zoneOffset("Asia/Kolkata", new Date(NOW))).toBe("GMT+5:30");
  });

  it("leave out the day only on the same day of the zone", () => {
    expect(formatInstant("2026-11-21T01:00:00Z", "UTC", NOW)).toBe("01:00:00");
    expect(formatInstant("2026-11-20T23:30:00Z", "UTC", NOW)).toBe("20 Nov 23:30");
    expect(formatInstant("2026-11-20T23:30:00Z", "Europe/Berlin", NOW)).toBe("00:30:00");
    expect(formatInstant("2025-11-20T23:30:00Z", "UTC", NOW)).toBe("20 Nov 2025 23:30");
    expect(formatInstant("nonsense", "UTC", NOW)).toBe("—");
  });

  it("tell their age", () => {
    expect(formatAgo("2026-11-21T09:37:00Z", NOW)).toBe("just now");
    expect(formatAgo("2026-11-21T09:33:00Z", NOW)).toBe("4 min ago");
    expect(formatAgo("2026-11-21T06:37:00Z", NOW)).toBe("3 h ago");
    expect(formatAgo("2026-11-11T06:37:00Z", NOW)).toBe("10 days ago");
  });

  it("go to wall time and back across clock changes", () => {
    for (const iso of ["2026-03-29T00:30:00.000Z", "2026-03-29T01:30:00.000Z", "2026-10-25T02:00:00.000Z"]) {
      expect(wallTimeToIso(isoToWallTime(iso, "Europe/Berlin"), "Europe/Berlin")).toBe(iso);
    }
    expect(wallTimeToIso("2026-11-21T10:37", "America/New_York")).toBe("2026-11-21T15:37:00.000Z");
    expect(wallTimeToIso("", "UTC")).toBeNull();
  });
});

describe("ranges", () => {
  it("end now", () => {
    expect(resolveRange({ kind: "last", name: "15m" }, NOW)).toEqual({
      from: "2026-11-21T09:22:08.120Z",
      to: "2026-11-21T09:37:08.120Z",
    });
  });

  it("get buckets that give a readable number of points", () => {
    expect(bucketFor(15 * 60_000)).toBe("minute");
    expect(bucketFor(24 * 3_600_000)).toBe("hour");
    expect(bucketFor(30 * 86_400_000)).toBe("day");
  });
});
