/** A price rule in one line. */

import type { PriceRule } from "../../../api/types";
import { formatUsdExact } from "../../../lib/money";
import { formatCount } from "../../../lib/numbers";

/** What the rule is about and what it says, as “openai gpt-5: Input tokens $1.10 per million”. */
export function ruleTitle(rule: PriceRule): string {
  const about = [rule.provider ?? "any provider", rule.model ?? "every model"].join(" ");
  switch (rule.kind) {
    case "mapping":
      return `${about} means ${rule.to_provider === rule.provider ? "" : `${rule.to_provider} `}${rule.to_model}`;
    case "free":
      return `${about}: free`;
    case "discount":
      return `${about}: ${rule.percent} % off${rule.units ? ` ${rule.units.join(", ")}` : ""}`;
    case "override":
      return `${about}${conditions(rule)}: ${rule.rates.map((rate) => `${rate.unit_label} ${formatUsdExact(rate.rate_usd)} ${perText(rate.per)}`).join(", ")}`;
  }
}

/** Who made it, without the ids of sessions and keys. */
export function ruleAuthor(actor: string): string {
  if (actor.startsWith("session:")) return "in the dashboard";
  return actor.startsWith("key:") ? "with an API key" : actor;
}

function conditions(rule: PriceRule): string {
  const said = Object.entries(rule.dimensions).map(([name, value]) => (value === "true" ? name : `${name} ${value}`));
  if (rule.above_input_tokens !== null) said.push(`above ${formatCount(rule.above_input_tokens)} input tokens`);
  return said.length > 0 ? ` (${said.join(", ")})` : "";
}

function perText(per: number): string {
  if (per === 1) return "each";
  return per === 1_000_000 ? "per million" : `per ${formatCount(per)}`;
}
