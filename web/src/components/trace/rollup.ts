/** The sum of a node and all below it as text: a sum that is not whole says so. */

import { formatUsd, formatUsdExact, NO_VALUE, usdFromScaled } from "../../lib/money";
import { formatCount, plural } from "../../lib/numbers";
import type { Rollup } from "./tree";

/** `~` where calls are estimated, `≥` where some are unpriced; a dash where no cost is known, nothing without calls. */
export function costText(total: Rollup): { text: string; title: string } {
  if (total.calls === 0) return { text: "", title: "No calls" };
  if (total.unpriced === total.calls) return { text: NO_VALUE, title: "No price is known for these calls" };
  const amount = usdFromScaled(total.usd);
  const mark = total.unpriced > 0 ? "≥" : total.estimated > 0 ? "~" : "";
  const notes = [
    formatUsdExact(amount),
    total.estimated > 0 ? `${formatCount(total.estimated)} of ${plural(total.calls, "call")} estimated` : "",
    total.unpriced > 0 ? `${formatCount(total.unpriced)} of ${plural(total.calls, "call")} unpriced and not in the sum` : "",
  ];
  return { text: mark + formatUsd(amount), title: notes.filter(Boolean).join(" · ") };
}
