/** How well usage, cost and times are known. */

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import type { DataHealth } from "../../api/types";
import { Card } from "../../components/core/Card";
import { Duration, Money } from "../../components/figure/Figures";
import { formatTerm } from "../../lib/filter";
import { formatCount, formatShare, plural } from "../../lib/numbers";
import { AllWell, Fix, HealthTable, ProcessId, serviceName } from "./HealthTable";

export function UsageAndCost({ health }: { health: DataHealth }) {
  const { usage, service } = health;
  const lines: { key: string; what: string; calls: number; filter?: string; fix: string; meaning?: string }[] = [
    { key: "unpriced", what: "Without a known price", calls: usage.unpriced_calls, filter: "cost_state:unpriced", fix: usage.unpriced_fix, meaning: "In no sum: true totals are higher." },
    { key: "estimated", what: "Estimated", calls: usage.estimated_calls, filter: "cost_state:estimated", fix: usage.estimated_fix, meaning: "In the sums, and marked." },
    { key: "unstated", what: "Usage not readable", calls: usage.unstated_calls, fix: usage.unstated_fix },
    ...usage.flags.map((flag) => ({ key: flag.flag, what: flag.flag.replace("_", " "), calls: flag.calls, fix: flag.fix, meaning: flag.meaning })),
  ].filter((line) => line.calls > 0);
  return (
    <Card title="Usage and cost" className="pb-2" actions={<span className="text-xs text-ink-3">{plural(usage.calls, "charged call")}</span>}>
      {lines.length === 0 ? (
        <AllWell>{usage.calls > 0 ? "Every call has a stated usage and a known price." : "No charged call in this time."}</AllWell>
      ) : (
        <HealthTable
          label="Usage and cost"
          columns={[{ title: "Calls whose cost is" }, { title: "Calls", isNumber: true }, { title: "Share", isNumber: true }, { title: "What it means, and what to do" }]}
          minWidth="min-w-[32rem]"
          rows={lines.map((line) => ({
            key: line.key,
            cells: [
              <Filtered key="what" filter={line.filter} service={service}>
                {line.what}
              </Filtered>,
              formatCount(line.calls),
              formatShare(usage.calls > 0 ? line.calls / usage.calls : null),
              <div key="fix" className="min-w-56">
                {line.meaning}
                <Fix>{line.fix}</Fix>
              </div>,
            ],
          }))}
        />
      )}
      {usage.twin_records > 0 ? (
        <p className="px-4 pt-2 text-xs text-ink-2">
          {plural(usage.twin_records, "further record")} of calls that are charged already
          {usage.twin_usd === null ? ", in no sum." : <>: <Money usd={usage.twin_usd} /> not counted twice.</>}
        </p>
      ) : null}
    </Card>
  );
}

/** A link to the runs with such calls. */
function Filtered({ filter, service, children }: { filter: string | undefined; service: string | null; children: ReactNode }) {
  if (filter === undefined) return <span>{children}</span>;
  const of = service ? ` ${formatTerm({ negated: false, field: "service", operator: "", values: [service] })}` : "";
  return (
    <Link to="/runs" search={{ q: filter + of }} className="text-accent-ink hover:underline">
      {children}
    </Link>
  );
}

export function ClockSkew({ health }: { health: DataHealth }) {
  const { skew } = health;
  const shares: [string, number][] = [
    ["up to 1 s", skew.within_1_s],
    ["up to 1 min", skew.within_1_min],
    ["more", skew.beyond_1_min],
  ];
  return (
    <Card title="Clocks" className="pb-2" actions={<span className="text-xs text-ink-3">From sending to arrival, by two clocks</span>}>
      {skew.batches === 0 ? (
        <AllWell>No batch in this time.</AllWell>
      ) : (
        <dl className="flex flex-wrap gap-x-6 gap-y-1 px-4 pt-1 pb-2">
          <Figure label="Median">
            <Duration ms={skew.p50_ms} />
          </Figure>
          <Figure label="5 to 95 %">
            <Duration ms={skew.p05_ms} /> to <Duration ms={skew.p95_ms} />
          </Figure>
          {shares.map(([label, count]) => (
            <Figure key={label} label={`Off by ${label}`}>
              {plural(count, "batch", "batches")}
            </Figure>
          ))}
        </dl>
      )}
      {skew.processes.length > 0 ? (
        <HealthTable
          label="Clocks that differ"
          columns={[{ title: "Process" }, { title: "Service" }, { title: "Off by", isNumber: true }, { title: "What to do" }]}
          minWidth="min-w-[28rem]"
          rows={skew.processes.map((one) => ({
            key: one.process_id,
            cells: [
              <ProcessId key="process" id={one.process_id} />,
              serviceName(one.service),
              <Duration key="skew" ms={one.skew_ms} />,
              <Fix key="fix">{one.fix}</Fix>,
            ],
          }))}
        />
      ) : null}
    </Card>
  );
}

function Figure({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div>
      <dt className="text-xs text-ink-3">{label}</dt>
      <dd className="tabular-nums">{children}</dd>
    </div>
  );
}
