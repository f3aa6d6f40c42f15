/** What was said of a call's cost before it was priced again. */

import type { CostVersion } from "../../api/types";
import { formatUsdExact } from "../../lib/money";
import { formatInstantExact } from "../../lib/time";
import { CostBadge } from "./CostBadge";

export function CostHistory({ versions, zone }: { versions: CostVersion[]; zone: string }) {
  if (versions.length === 0) return null;
  return (
    <section aria-label="Earlier costs" className="flex flex-col gap-1.5">
      <h3 className="font-medium">Earlier costs</h3>
      <ul className="flex flex-col gap-2 text-xs">
        {versions.map((version) => (
          <li key={version.job_id} className="border-b border-line pb-2">
            <div className="flex flex-wrap items-center gap-2">
              <span className="font-semibold">{version.cost_usd === null ? "Unknown" : formatUsdExact(version.cost_usd)}</span>
              <CostBadge state={version.cost_state} />
              <span className="text-ink-2">until {formatInstantExact(version.replaced_at, zone)}</span>
            </div>
            {version.cost_reason ? <p className="text-ink-2">{version.cost_reason}</p> : null}
            <p className="text-ink-3">
              {version.receipt.map((line) => `${line.unit_label} at ${formatUsdExact(line.rate_usd)}`).join(", ")}
              {version.receipt.length > 0 ? ". " : ""}
              {version.price_book ? `Price book ${version.price_book}.` : ""}
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}
