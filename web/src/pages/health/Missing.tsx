/** What did not arrive: losses with their reason, and numbers that are missing without one. */

import type { DataHealth } from "../../api/types";
import { Card } from "../../components/core/Card";
import { Ago } from "../../components/figure/Figures";
import { formatCount, plural } from "../../lib/numbers";
import { AllWell, Fix, HealthTable, ProcessId, serviceName } from "./HealthTable";

export function Losses({ health, zone }: { health: DataHealth; zone: string }) {
  return (
    <Card title="Lost before sending" className="pb-2" actions={<Total count={health.lost_records} />}>
      {health.losses.length === 0 ? (
        <AllWell>No sender reports a loss.</AllWell>
      ) : (
        <HealthTable
          label="Losses"
          columns={[{ title: "Service" }, { title: "Reason" }, { title: "Records", isNumber: true }, { title: "Last" }, { title: "What it means, and what to do" }]}
          rows={health.losses.map((loss) => ({
            key: `${loss.service} ${loss.reason}`,
            cells: [
              serviceName(loss.service),
              <code key="reason" className="font-mono text-xs whitespace-nowrap">
                {loss.reason}
              </code>,
              formatCount(loss.records),
              <Ago key="last" iso={loss.last_at} zone={zone} />,
              <div key="fix" className="min-w-64">
                {loss.meaning}
                <Fix>{loss.fix}</Fix>
              </div>,
            ],
          }))}
        />
      )}
    </Card>
  );
}

export function Gaps({ health, zone }: { health: DataHealth; zone: string }) {
  return (
    <Card title="Gaps in the numbering" className="pb-2" actions={<Total count={health.missing_records} />}>
      {health.gaps.length === 0 ? (
        <AllWell>Senders number their records. No number is missing.</AllWell>
      ) : (
        <HealthTable
          label="Gaps"
          columns={[
            { title: "Process" },
            { title: "Service" },
            { title: "Expected", isNumber: true },
            { title: "Arrived", isNumber: true },
            { title: "Lost", isNumber: true },
            { title: "On the way", isNumber: true },
            { title: "Missing", isNumber: true },
            { title: "Last seen" },
            { title: "What to do" },
          ]}
          minWidth="min-w-[56rem]"
          rows={health.gaps.map((gap) => ({
            key: gap.process_id,
            cells: [
              <ProcessId key="process" id={gap.process_id} />,
              serviceName(gap.service),
              <span key="expected" title={`${formatCount(gap.first_sequence)} to ${formatCount(gap.last_sequence)}`}>
                {formatCount(gap.expected)}
              </span>,
              formatCount(gap.arrived),
              formatCount(gap.lost),
              formatCount(gap.on_the_way),
              <b key="missing" className={gap.unexplained > 0 ? "font-semibold text-warn" : "font-normal"}>
                {formatCount(gap.unexplained)}
              </b>,
              <Ago key="seen" iso={gap.last_seen} zone={zone} />,
              <div key="fix" className="min-w-64">
                <Fix>{gap.fix ?? "Nothing: each missing number is explained."}</Fix>
              </div>,
            ],
          }))}
        />
      )}
    </Card>
  );
}

function Total({ count }: { count: number }) {
  return count > 0 ? <span className="text-xs font-medium text-warn">{plural(count, "record")}</span> : null;
}
