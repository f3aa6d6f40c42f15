/** Names of the API for what totals are grouped by. */

import type { Bucket } from "../lib/time";

/** What the cost chart and the breakdowns can be split by, with the field of the filter that selects a value of it. */
export const DIMENSIONS = [
  { name: "provider", label: "Provider", plural: "Providers", none: "(no provider)" },
  { name: "model", label: "Model", plural: "Models", none: "(no model)" },
  { name: "agent", label: "Agent", plural: "Agents", none: "(no agent)" },
  { name: "customer", label: "Customer", plural: "Customers", none: "(no customer)" },
] as const;

export type DimensionName = (typeof DIMENSIONS)[number]["name"];
export type DimensionInfo = (typeof DIMENSIONS)[number];

export function dimensionOf(name: string | undefined): DimensionInfo {
  return DIMENSIONS.find((one) => one.name === name) ?? DIMENSIONS[1];
}

export const TIME_KEYS: Record<Bucket, string> = { minute: "minute", hour: "hour", day: "day" };
