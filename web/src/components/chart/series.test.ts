import { describe, expect, it } from "vitest";

import type { TotalsAnswer, TotalsRow } from "../../api/types";
import { costSeries, seriesToCsv } from "./series";

function row(keys: TotalsRow["keys"], usd: string): TotalsRow {
  return {
    keys,
    spend: { cost_usd: usd, estimated_usd: "0", calls: 1, estimated_calls: 0, unpriced_calls: 0 },
    error_calls: 0,
    input_tokens: null,
    output_tokens: null,
    cache_read_tokens: null,
    duration_p50_ms: null,
    duration_p95_ms: null,
    time_to_first_token_p50_ms: null,
  };
}

const ANSWER: TotalsAnswer = {
  group_by: ["hour", "model"],
  time_from: "2026-11-21T08:30:00Z",
  time_to: "2026-11-21T11:10:00Z",
  rows: [
    row({ hour: "2026-11-21T08:00:00Z", model: "a" }, "0.1"),
    row({ hour: "2026-11-21T10:00:00+00:00", model: "a" }, "0.2"),
    row({ hour: "2026-11-21T10:00:00Z", model: "b" }, "5"),
    row({ hour: "2026-11-21T11:00:00Z", model: null }, "0.000000000001"),
    row({ hour: "2026-11-21T11:00:00Z", model: "c" }, "0.01"),
  ],
  total: row({}, "5.310000000001"),
  previous_total: null,
  truncated: false,
};

const QUESTION = { answer: ANSWER, bucket: "hour", timeKey: "hour", zone: "UTC", dimension: "model", noneLabel: "(none)", most: 10 } as const;

describe("costSeries", () => {
  it("has every bucket of the range, and the dearest group first", () => {
    const data = costSeries(QUESTION);
    expect(data.buckets.map((start) => start.slice(11, 16))).toEqual(["08:00", "09:00", "10:00", "11:00"]);
    expect(data.series.map((series) => [series.label, series.usd])).toEqual([
      ["b", ["0", "0", "5", "0"]],
      ["a", ["0.1", "0", "0.2", "0"]],
      ["c", ["0", "0", "0", "0.01"]],
      ["(none)", ["0", "0", "0", "0.000000000001"]],
    ]);
  });

  it("begins days at midnight of the zone, also where clocks change", () => {
    const answer = { ...ANSWER, time_from: "2026-10-24T12:00:00Z", time_to: "2026-10-26T12:00:00Z", rows: [] };
    expect(costSeries({ ...QUESTION, answer, bucket: "day", timeKey: "day", zone: "Europe/Berlin" }).buckets).toEqual([
      "2026-10-23T22:00:00.000Z",
      "2026-10-24T22:00:00.000Z",
      "2026-10-25T23:00:00.000Z",
    ]);
  });

  it("joins small groups exactly, so that the parts sum to the whole", () => {
    const data = costSeries({ ...QUESTION, most: 2 });
    expect(data.series.map((series) => [series.label, series.isRest, series.totalUsd])).toEqual([
      ["b", false, "5"],
      ["3 others", true, "0.310000000001"],
    ]);
  });

  it("writes a CSV that a spreadsheet does not run", () => {
    const data = costSeries({ ...QUESTION, answer: { ...ANSWER, rows: [row({ hour: "2026-11-21T08:00:00Z", model: '=cmd,"x"' }, "1")] } });
    expect(seriesToCsv(data).split("\r\n").slice(0, 2)).toEqual([`time_utc,"'=cmd,""x"""`, "2026-11-21T08:00:00.000Z,1"]);
  });
});
