/** What a price rule would have changed in the last 30 days. */

import type { PriceRuleChanges } from "../../../api/types";
import { Money } from "../../../components/figure/Figures";
import { formatCount, plural } from "../../../lib/numbers";

export function RulePreview({ changes }: { changes: PriceRuleChanges | undefined }) {
  if (!changes) return null;
  const unknown = changes.before_unpriced - changes.after_unpriced;
  return (
    <output className="flex flex-col gap-1 rounded-md bg-sunken px-3 py-2 text-xs text-ink-2">
      {changes.calls === 0 ? (
        <span>
          None of {plural(changes.examined, "call")} of the last 30 days would cost anything else.
        </span>
      ) : (
        <span>
          {plural(changes.calls, "call")} of the last 30 days would cost <Money usd={changes.after_usd} className="font-medium text-ink" /> instead of{" "}
          <Money usd={changes.before_usd} className="font-medium text-ink" />
          {unknown > 0 ? `; ${formatCount(unknown)} of them have no known cost now.` : "."}
        </span>
      )}
      {changes.truncated ? <span>Only the newest {formatCount(changes.examined)} calls were priced again for this.</span> : null}
      <span className="text-ink-3">Stored costs stay as they are until they are priced again.</span>
    </output>
  );
}
