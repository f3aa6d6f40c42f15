/** The state of a cost as a word with its meaning on hover. */

import { Badge, type Tone } from "../core/Badge";
import { Tooltip } from "../core/Tooltip";

const STATES: Record<string, { label: string; tone: Tone; meaning: string }> = {
  priced: { label: "priced", tone: "good", meaning: "Exact: the provider's own usage at the published price." },
  provider_reported: { label: "provider's figure", tone: "good", meaning: "The provider stated this charge itself." },
  estimated: { label: "estimated", tone: "warn", meaning: "The usage or the price is an approximation; the receipt says which." },
  unpriced: { label: "unpriced", tone: "bad", meaning: "The cost is unknown and is in no sum. The receipt says what is missing." },
  free: { label: "free", tone: "neutral", meaning: "Known to cost nothing." },
};

export function CostBadge({ state }: { state: string | null }) {
  if (state === null) return null;
  const known = STATES[state] ?? { label: state, tone: "neutral" as const, meaning: state };
  return (
    <Tooltip content={known.meaning}>
      <Badge tone={known.tone} tabIndex={0}>
        {known.label}
      </Badge>
    </Tooltip>
  );
}
