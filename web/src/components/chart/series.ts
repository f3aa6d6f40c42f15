/** From grouped totals to the stacked series of a chart: every bucket present, small groups joined. */

import type { TotalsAnswer, TotalsRow } from "../../api/types";
import { compareUsd, sumUsd } from "../../lib/money";
import { BUCKET_MS, type Bucket, formatMinute, wallTimeToIso } from "../../lib/time";

export interface CostSeries {
  /** Value of the dimension; `null` where it has none. */
  key: string | null;
  label: string;
  /** True for the sum of the groups that are too small to stand alone. */
  isRest: boolean;
  /** Dollars per bucket, in the order of `buckets`. */
  usd: string[];
  totalUsd: string;
}

export interface CostChartData {
  /** Starts of the buckets, ISO 8601 in UTC. */
  buckets: string[];
  bucket: Bucket;
  series: CostSeries[];
}

const MOST_BUCKETS = 400;

function bucketStarts(from: string, to: string, bucket: Bucket, zone: string): string[] {
  if (bucket === "day") return dayStarts(from, to, zone);
  const step = BUCKET_MS[bucket];
  const starts: string[] = [];
  for (let at = Math.floor(Date.parse(from) / step) * step; at < Date.parse(to) && starts.length < MOST_BUCKETS; at += step) {
    starts.push(new Date(at).toISOString());
  }
  return starts;
}

/** Midnights of the zone; days are 23 or 25 hours long where clocks change. */
function dayStarts(from: string, to: string, zone: string): string[] {
  const starts: string[] = [];
  const [firstDay = ""] = formatMinute(from, zone).split(" ");
  for (let dayMs = Date.parse(`${firstDay}T00:00Z`); starts.length < MOST_BUCKETS; dayMs += BUCKET_MS.day) {
    const start = wallTimeToIso(`${new Date(dayMs).toISOString().slice(0, 10)}T00:00`, zone);
    if (start === null || start >= to) break;
    starts.push(start);
  }
  return starts;
}

export interface SeriesQuestion {
  answer: TotalsAnswer;
  bucket: Bucket;
  /** Name of the time bucket among the keys of a row. */
  timeKey: string;
  /** Zone in which days begin. */
  zone: string;
  dimension: string;
  /** Label of the group without a value. */
  noneLabel: string;
  most: number;
}

/** The largest groups one by one, the others in one series at the end. */
export function costSeries({ answer, bucket, timeKey, zone, dimension, noneLabel, most }: SeriesQuestion): CostChartData {
  const buckets = bucketStarts(answer.time_from, new Date(answer.time_to).toISOString(), bucket, zone);
  const place = new Map(buckets.map((start, index) => [Date.parse(start), index]));
  const groups = new Map<string | null, TotalsRow[]>();
  for (const row of answer.rows) {
    const key = row.keys[dimension] ?? null;
    const rows = groups.get(key);
    if (rows) rows.push(row);
    else groups.set(key, [row]);
  }
  const ordered = [...groups]
    .map(([key, rows]) => oneSeries(key, key ?? noneLabel, false, rows, place, timeKey))
    .toSorted((a, b) => compareUsd(b.totalUsd, a.totalUsd));
  if (ordered.length <= most) return { buckets, bucket, series: ordered };
  const kept = ordered.slice(0, most - 1);
  const joined = ordered.slice(most - 1);
  const rows = joined.flatMap((series) => groups.get(series.key) ?? []);
  const rest = oneSeries(null, `${joined.length} others`, true, rows, place, timeKey);
  return { buckets, bucket, series: [...kept, rest] };
}

function oneSeries(
  key: string | null,
  label: string,
  isRest: boolean,
  rows: readonly TotalsRow[],
  place: ReadonlyMap<number, number>,
  timeKey: string,
): CostSeries {
  const amounts = new Map<number, string[]>();
  for (const row of rows) {
    const index = place.get(Date.parse(row.keys[timeKey] ?? ""));
    if (index === undefined) continue;
    const list = amounts.get(index);
    if (list) list.push(row.spend.cost_usd);
    else amounts.set(index, [row.spend.cost_usd]);
  }
  return {
    key,
    label,
    isRest,
    usd: Array.from({ length: place.size }, (_, index) => sumUsd(amounts.get(index) ?? [])),
    totalUsd: sumUsd(rows.map((row) => row.spend.cost_usd)),
  };
}

/** Rows are buckets, columns are series; numbers stay exact text. */
export function seriesToCsv(data: CostChartData): string {
  const header = ["time_utc", ...data.series.map((series) => series.label)];
  const rows = data.buckets.map((start, index) => [start, ...data.series.map((series) => series.usd[index] ?? "0")]);
  return [header, ...rows].map((cells) => cells.map(csvCell).join(",")).join("\r\n");
}

function csvCell(text: string): string {
  // A leading =, +, - or @ would be run as a formula by spreadsheets, unless it is a plain number.
  const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}
