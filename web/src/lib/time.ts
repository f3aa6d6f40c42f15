/** Instants, durations and time ranges as text; the zone is always explicit. */

import { NO_VALUE } from "./money";
import { trimPoint } from "./numbers";

export const RANGES = ["15m", "1h", "6h", "24h", "7d", "30d", "90d"] as const;
export type RangeName = (typeof RANGES)[number];
export const DEFAULT_RANGE: RangeName = "24h";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const RANGE_MS: Record<RangeName, number> = {
  "15m": 15 * MINUTE_MS,
  "1h": HOUR_MS,
  "6h": 6 * HOUR_MS,
  "24h": DAY_MS,
  "7d": 7 * DAY_MS,
  "30d": 30 * DAY_MS,
  "90d": 90 * DAY_MS,
};

export const RANGE_LABELS: Record<RangeName, string> = {
  "15m": "Last 15 minutes",
  "1h": "Last hour",
  "6h": "Last 6 hours",
  "24h": "Last 24 hours",
  "7d": "Last 7 days",
  "30d": "Last 30 days",
  "90d": "Last 90 days",
};

/** Either a moving window that ends now, or two fixed instants (ISO 8601, UTC). */
export type TimeRange = { kind: "last"; name: RangeName } | { kind: "between"; from: string; to: string };

export function isRangeName(text: string | undefined): text is RangeName {
  return (RANGES as readonly (string | undefined)[]).includes(text);
}

/** The two ends of a range as ISO 8601 in UTC. */
export function resolveRange(range: TimeRange, nowMs: number): { from: string; to: string } {
  if (range.kind === "between") return { from: range.from, to: range.to };
  return { from: new Date(nowMs - RANGE_MS[range.name]).toISOString(), to: new Date(nowMs).toISOString() };
}

export function rangeLengthMs(range: TimeRange): number {
  if (range.kind === "last") return RANGE_MS[range.name];
  return Date.parse(range.to) - Date.parse(range.from);
}

/** Bucket of a time series that gives up to 120 points. */
export type Bucket = "minute" | "hour" | "day";

export function bucketFor(lengthMs: number): Bucket {
  if (lengthMs <= 2 * HOUR_MS) return "minute";
  return lengthMs <= 4 * DAY_MS ? "hour" : "day";
}

export const BUCKET_MS: Record<Bucket, number> = { minute: MINUTE_MS, hour: HOUR_MS, day: DAY_MS };

/** The zone of this browser, as `Europe/Berlin`. */
export function browserZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

export function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = zone + JSON.stringify(options);
  let made = formats.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone, hourCycle: "h23" });
    formats.set(key, made);
  }
  return made;
}

function parts(instant: Date, zone: string): Record<string, string> {
  const options = format(zone, {
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    fractionalSecondDigits: 3,
  });
  return Object.fromEntries(options.formatToParts(instant).map((part) => [part.type, part.value]));
}

/** `GMT+2` or `UTC`: the offset in force at that instant. */
export function zoneOffset(zone: string, at: Date = new Date()): string {
  if (zone === "UTC") return "UTC";
  const part = format(zone, { timeZoneName: "shortOffset" })
    .formatToParts(at)
    .find((item) => item.type === "timeZoneName");
  return part?.value === "GMT" ? "UTC" : (part?.value ?? zone);
}

/** Down to the millisecond with zone, for tooltips: `2026-11-21 09:37:08.120 GMT+1`. */
export function formatInstantExact(iso: string | null | undefined, zone: string): string {
  const instant = toDate(iso);
  if (!instant) return NO_VALUE;
  const p = parts(instant, zone);
  const time = `${p["hour"]}:${p["minute"]}:${p["second"]}.${p["fractionalSecond"]}`;
  return `${p["year"]}-${p["month"]}-${p["day"]} ${time} ${zoneOffset(zone, instant)}`;
}

/** For lists: the time to the second today, else the day and the minute. */
export function formatInstant(iso: string | null | undefined, zone: string, nowMs: number): string {
  const instant = toDate(iso);
  if (!instant) return NO_VALUE;
  const p = parts(instant, zone);
  const now = parts(new Date(nowMs), zone);
  const time = `${p["hour"]}:${p["minute"]}`;
  if (p["year"] === now["year"] && p["month"] === now["month"] && p["day"] === now["day"]) return `${time}:${p["second"]}`;
  const day = format(zone, { month: "short", day: "2-digit" }).format(instant);
  return p["year"] === now["year"] ? `${day} ${time}` : `${day} ${p["year"]} ${time}`;
}

/** `2026-11-21 09:37`, for the ends of a range. */
export function formatMinute(iso: string | null | undefined, zone: string): string {
  const instant = toDate(iso);
  if (!instant) return NO_VALUE;
  const p = parts(instant, zone);
  return `${p["year"]}-${p["month"]}-${p["day"]} ${p["hour"]}:${p["minute"]}`;
}

/** `just now`, `4 min ago`, `3 h ago`, `12 days ago`. */
export function formatAgo(iso: string | null | undefined, nowMs: number): string {
  const instant = toDate(iso);
  if (!instant) return NO_VALUE;
  const ageMs = nowMs - instant.getTime();
  if (ageMs < 45_000) return "just now";
  if (ageMs < HOUR_MS) return `${Math.max(1, Math.round(ageMs / MINUTE_MS))} min ago`;
  if (ageMs < 2 * DAY_MS) return `${Math.round(ageMs / HOUR_MS)} h ago`;
  return `${Math.round(ageMs / DAY_MS)} days ago`;
}

/** `420 µs`, `12.4 ms`, `842 ms`, `12.3 s`, `3m 12s`, `2h 05m`; `null` (unknown or still running) is a dash. */
export function formatDuration(durationMs: number | null | undefined): string {
  if (durationMs === null || durationMs === undefined || !Number.isFinite(durationMs)) return NO_VALUE;
  if (durationMs < 0) return `−${formatDuration(-durationMs)}`;
  if (durationMs === 0) return "0 ms";
  if (durationMs < 0.9995) return `${(durationMs * 1000).toFixed(0)} µs`;
  if (durationMs < 99.95) return `${trimPoint(durationMs.toFixed(1))} ms`;
  if (durationMs < 999.5) return `${durationMs.toFixed(0)} ms`;
  if (durationMs < 9_995) return `${(durationMs / 1000).toFixed(2)} s`;
  if (durationMs < 59_950) return `${(durationMs / 1000).toFixed(1)} s`;
  const seconds = Math.round(durationMs / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${String(seconds % 60).padStart(2, "0")}s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)}h ${String(minutes % 60).padStart(2, "0")}m`;
}

/** All digits, for tooltips. */
export function formatDurationExact(durationMs: number | null | undefined): string {
  if (durationMs === null || durationMs === undefined) return "unknown";
  return `${new Intl.NumberFormat("en-US", { maximumFractionDigits: 3 }).format(durationMs)} ms`;
}

/** Wall-clock text of a `datetime-local` field in a zone, to ISO 8601 in UTC; `null` when it is no time. */
export function wallTimeToIso(text: string, zone: string): string | null {
  const asUtc = Date.parse(`${text}Z`);
  if (Number.isNaN(asUtc)) return null;
  let guess = asUtc;
  // Twice, because the offset at the first guess may be the one before a clock change.
  for (let round = 0; round < 2; round += 1) guess = asUtc - offsetMs(new Date(guess), zone);
  return new Date(guess).toISOString();
}

/** ISO 8601 to the text of a `datetime-local` field in a zone. */
export function isoToWallTime(iso: string, zone: string): string {
  return formatMinute(iso, zone).replace(" ", "T");
}

function offsetMs(instant: Date, zone: string): number {
  const p = parts(instant, zone);
  const wall = Date.parse(
    `${p["year"]}-${p["month"]}-${p["day"]}T${p["hour"]}:${p["minute"]}:${p["second"]}.${p["fractionalSecond"]}Z`,
  );
  return wall - instant.getTime();
}

function toDate(iso: string | null | undefined): Date | null {
  if (!iso) return null;
  const instant = new Date(iso);
  return Number.isNaN(instant.getTime()) ? null : instant;
}
