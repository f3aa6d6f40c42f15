/** Scores and facts as text. */

import type { FactView, ScoreView } from "../../api/types";
import { formatUsdExact, parseUsd } from "../../lib/money";
import { formatDurationExact } from "../../lib/time";
import type { Tone } from "../core/Badge";

/** The figure with every digit, `yes` or `no`, or the category. */
export function scoreText(score: Pick<ScoreView, "data_type" | "value" | "label">): string {
  if (score.data_type === "boolean") return score.value === "1" ? "yes" : "no";
  return score.value ?? score.label ?? "";
}

/** Only a plain yes or no is good or bad by itself: nobody says in which direction a figure is. */
export function scoreTone(score: Pick<ScoreView, "data_type" | "value">): Tone {
  if (score.data_type !== "boolean") return "accent";
  return score.value === "1" ? "good" : "warn";
}

const TITLES: Record<FactView["kind"], string> = {
  routing: "Routing",
  cache: "Cache",
  quality: "Judged",
  tracking: "Told by the application",
};

export function factTitle(fact: Pick<FactView, "kind">): string {
  return TITLES[fact.kind];
}

/** What a fact says, a line each, in the words of its names: `saved_cost_usd` as Saved cost, in dollars. */
export function labelled(fact: Pick<FactView, "kind" | "data">): { label: string; value: string }[] {
  return Object.entries(fact.data).flatMap(([name, value]) => {
    if (value === null || value === undefined) return [];
    if (name === "metadata" && typeof value === "object" && !Array.isArray(value)) {
      return Object.entries(value).map(([label, item]) => ({ label, value: plain(item) }));
    }
    return [{ label: labelOf(fact.kind, name), value: textOf(fact.kind, name, value) }];
  });
}

function labelOf(kind: FactView["kind"], name: string): string {
  if (kind === "cache" && name === "hit") return "Result";
  const words = name.replace(/_(?:usd|ms|s)$/, "").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function textOf(kind: FactView["kind"], name: string, value: unknown): string {
  if (kind === "cache" && name === "hit") return value === true ? "hit" : "miss";
  const text = typeof value === "number" || typeof value === "string" ? String(value) : null;
  if (text !== null && name.endsWith("_usd") && parseUsd(text) !== null) return formatUsdExact(text);
  if (text !== null && name.endsWith("_ms") && Number.isFinite(Number(text))) return formatDurationExact(Number(text));
  if (text !== null && name.endsWith("_s")) return `${text} s`;
  return plain(value);
}

function plain(value: unknown): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.map(plain).join(", ");
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}
