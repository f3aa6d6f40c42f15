/** What an event and all below it add up to. */

import { formatUsdExact, usdFromScaled } from "../../lib/money";
import { formatCount } from "../../lib/numbers";
import { costText } from "../trace/rollup";
import type { Rollup } from "../trace/tree";
import { Facts } from "./Facts";

export interface SumsProps {
  total: Rollup;
  /** The event's own cost, `null` when unknown; `undefined` for one that has none, as a span. */
  own?: string | null | undefined;
}

export function Sums({ total, own }: SumsProps) {
  const { calls, unpriced, estimated, errors } = total;
  const isKnown = calls > unpriced;
  return (
    <section className="rounded-md border border-line bg-sunken px-3 py-2">
      <h3 className="mb-1 text-xs font-semibold">With all below it</h3>
      {calls === 0 ? (
        <p className="text-xs text-ink-2">No calls.</p>
      ) : (
        <Facts
          facts={[
            { label: "Cost", value: isKnown ? formatUsdExact(usdFromScaled(total.usd)) : costText(total).title },
            { label: "Own cost", value: own === undefined ? null : own === null ? "unknown" : formatUsdExact(own) },
            { label: "Calls", value: formatCount(calls) },
            { label: "Estimated", value: estimated > 0 ? `${formatCount(estimated)} of them` : null },
            { label: "Unpriced", value: unpriced > 0 && isKnown ? `${formatCount(unpriced)} of them, not in the cost` : null },
            { label: "Failed", value: errors > 0 ? `${formatCount(errors)} calls and spans` : null },
            { label: "Tokens in", value: formatCount(total.input_tokens) },
            { label: "Tokens out", value: formatCount(total.output_tokens) },
          ]}
        />
      )}
    </section>
  );
}
