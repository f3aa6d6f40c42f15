/** How far the total can be trusted: what is estimated, unpriced, or belongs to nobody. */

import { Link } from "@tanstack/react-router";
import { CircleCheck, CircleDashed, CircleHelp, EqualApproximately } from "lucide-react";
import type { ReactNode } from "react";

import { useTotals } from "../../api/queries";
import type { TotalsRow } from "../../api/types";
import { Tooltip } from "../../components/core/Tooltip";
import { formatUsd, usdShare } from "../../lib/money";
import { formatShare, plural } from "../../lib/numbers";
import { useUrl } from "../../lib/use-url";

/** Calls outside of every section. */
const NO_SECTION = 'section:""';

export function Completeness({ total }: { total: TotalsRow | undefined }) {
  const { project, range } = useUrl();
  const outside = useTotals({ project, range, q: NO_SECTION });
  if (!total || total.spend.calls === 0) return null;
  const { spend } = total;
  const untracked = outside.data?.total;
  const isExact = spend.estimated_calls === 0 && spend.unpriced_calls === 0;
  return (
    <section aria-label="Completeness of the figures" className="flex flex-wrap items-center gap-x-5 gap-y-1.5 rounded-lg border border-line bg-surface px-4 py-2 text-xs text-ink-2">
      {isExact ? (
        <Part icon={<CircleCheck aria-hidden className="size-3.5 text-good" />} explanation="Each call was priced from the price book, or its provider reported its cost.">
          The total is complete: all {plural(spend.calls, "call")} priced
        </Part>
      ) : null}
      {spend.unpriced_calls > 0 ? (
        <Part
          icon={<CircleHelp aria-hidden className="size-3.5 text-warn" />}
          filter="cost_state:unpriced"
          explanation="The price book has no price for these calls, or they reported no usage. They are in no sum, so the true total is higher."
        >
          <b className="font-semibold text-warn">The total is incomplete:</b> {plural(spend.unpriced_calls, "call")} unpriced
        </Part>
      ) : null}
      {spend.estimated_calls > 0 ? (
        <Part
          icon={<EqualApproximately aria-hidden className="size-3.5 text-warn" />}
          filter="cost_state:estimated"
          explanation="The provider sent no usage for these calls, so tokens were counted from their text. They are in the total."
        >
          {formatUsd(spend.estimated_usd)} estimated ({formatShare(usdShare(spend.estimated_usd, spend.cost_usd))}, {plural(spend.estimated_calls, "call")})
        </Part>
      ) : null}
      {untracked && untracked.spend.calls > 0 ? (
        <Part
          icon={<CircleDashed aria-hidden className="size-3.5 text-ink-3" />}
          filter={NO_SECTION}
          explanation={
            <>
              These calls happened outside of every section, so no agent or step answers for them. Put{" "}
              <code className="font-mono">with section("agent:name"):</code> around the code that makes them.
            </>
          }
        >
          {formatUsd(untracked.spend.cost_usd)} untracked ({plural(untracked.spend.calls, "call")} without a section)
        </Part>
      ) : null}
    </section>
  );
}

interface PartProps {
  icon: ReactNode;
  explanation: ReactNode;
  /** Where to see the calls that are meant. */
  filter?: string;
  children: ReactNode;
}

function Part({ icon, explanation, filter, children }: PartProps) {
  const style = "inline-flex items-center gap-1.5 rounded-sm text-left underline decoration-line-strong decoration-dotted underline-offset-3";
  return (
    <Tooltip content={explanation} side="bottom">
      {filter === undefined ? (
        <button type="button" className={style}>
          {icon}
          <span>{children}</span>
        </button>
      ) : (
        <Link to="/runs" search={{ q: filter }} className={style}>
          {icon}
          <span>{children}</span>
        </Link>
      )}
    </Tooltip>
  );
}
