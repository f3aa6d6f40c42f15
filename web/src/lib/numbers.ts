/** Counts, tokens, shares and changes as text. */

import { NO_VALUE } from "./money";

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

/** Exact with thousands separators; `null` (unknown) is a dash. */
export function formatCount(value: number | null | undefined): string {
  return value === null || value === undefined ? NO_VALUE : whole.format(value);
}

/** Exact below 10,000, then `12.3K`; show `formatCount` on hover. */
export function formatTokens(value: number | null | undefined): string {
  if (value === null || value === undefined) return NO_VALUE;
  return Math.abs(value) < 10_000 ? whole.format(value) : compact.format(value);
}

/** 0…1 as per cent; a share that is not zero never reads 0 %, nor one short of all 100 %. */
export function formatShare(share: number | null | undefined): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return NO_VALUE;
  if (share === 0) return "0%";
  const percent = share * 100;
  if (percent < 0.1) return "<0.1%";
  if (share < 1 && percent > 99.9) return ">99.9%";
  return `${percent < 10 ? trimPoint(percent.toFixed(1)) : percent.toFixed(0)}%`;
}

/** Change against a value before, signed; `null` where there was nothing before. */
export function relativeChange(now: number | null, before: number | null): number | null {
  if (now === null || before === null || before === 0) return null;
  return (now - before) / Math.abs(before);
}

/** `+12%`, `−3.4%`, `×14` for more than tenfold. */
export function formatChange(change: number): string {
  if (change === 0) return "±0%";
  if (change >= 9) return `×${whole.format(change + 1)}`;
  const magnitude = Math.abs(change) * 100;
  const text = magnitude < 0.1 ? "<0.1" : magnitude < 10 ? trimPoint(magnitude.toFixed(1)) : magnitude.toFixed(0);
  return `${change > 0 ? "+" : "−"}${text}%`;
}

/** `3 calls`, `1 call`. */
export function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : nouns}`;
}

/** `12.0` → `12`. */
export function trimPoint(text: string): string {
  return text.replace(/\.0$/, "");
}
