/** Other records of the same provider call, of which one alone is charged. Nothing where there are none. */

import { Link } from "@tanstack/react-router";

import type { EventDetail, TwinView } from "../../api/types";
import { formatUsdExact } from "../../lib/money";
import { formatCount } from "../../lib/numbers";
import { formatInstantExact } from "../../lib/time";
import { Badge } from "../core/Badge";
import { Tooltip } from "../core/Tooltip";
import { CostBadge } from "./CostBadge";
import { Facts } from "./Facts";

const WHO: Record<TwinView["recorded_by"], string> = {
  sdk: "the SDK, from what went over the wire",
  gateway: "the gateway",
  application: "the application, by hand",
};

const BORROWED: Record<string, string> = {
  run_id: "run",
  session_id: "session",
  user_id: "user",
  customer_id: "customer",
  section_path: "section",
};

/** On a record whose cost is in no sum. */
export function CountedElsewhere() {
  return (
    <Tooltip content="Another record of the same provider call is charged; this cost is in no sum.">
      <Badge tone="neutral" tabIndex={0}>
        counted elsewhere
      </Badge>
    </Tooltip>
  );
}

export function Twins({ event, zone }: { event: EventDetail; zone: string }) {
  if (event.merged.length === 0) return null;
  const borrowed = event.borrowed.flatMap((name) => BORROWED[name] ?? []);
  return (
    <section aria-label="Same call" className="flex flex-col gap-2">
      {event.merged.map((twin) => (
        <div key={twin.event_id} className="rounded-md border border-line bg-sunken px-3 py-2">
          <h3 className="mb-1 text-xs font-semibold">
            Same call {twin.is_charged ? "charged as recorded" : "also recorded"} by {WHO[twin.recorded_by]}
          </h3>
          <Facts
            facts={[
              {
                label: twin.is_charged ? "Cost that counts" : "Cost, not counted",
                value: (
                  <span className="inline-flex flex-wrap items-center gap-1.5">
                    {formatUsdExact(twin.cost_usd)}
                    <CostBadge state={twin.cost_state} />
                  </span>
                ),
              },
              { label: "Tokens in", value: twin.input_tokens === null ? null : formatCount(twin.input_tokens) },
              { label: "Tokens out", value: twin.output_tokens === null ? null : formatCount(twin.output_tokens) },
              { label: "Model", value: twin.model },
              { label: "Section", value: twin.section_path },
              { label: "Customer", value: twin.customer_id },
              { label: "Started", value: formatInstantExact(twin.start_time, zone) },
              { label: "Run", value: otherRun(twin, event.row.run_id) },
              { label: "Event id", value: twin.event_id, copy: twin.event_id },
            ]}
          />
        </div>
      ))}
      {borrowed.length > 0 ? <p className="text-xs text-ink-3">From it: {borrowed.join(", ")}.</p> : null}
    </section>
  );
}

function otherRun(twin: TwinView, here: string | null) {
  if (twin.run_id === null || twin.run_id === here) return null;
  return (
    <Link to="/runs/$runId" params={{ runId: twin.run_id }} search={{ event: twin.event_id }} className="text-accent-ink hover:underline">
      another run
    </Link>
  );
}
