/** The processes that sent something, with what each says of itself. */

import type { DataHealth, ProcessHealth } from "../../api/types";
import { Badge, type Tone } from "../../components/core/Badge";
import { Card } from "../../components/core/Card";
import { Ago } from "../../components/figure/Figures";
import { formatCount, plural } from "../../lib/numbers";
import { AllWell, Fix, HealthTable, ProcessId, serviceName } from "./HealthTable";

const TONES: Record<ProcessHealth["state"], Tone> = { active: "good", silent: "neutral", ended: "neutral" };

export function Processes({ health, zone }: { health: DataHealth; zone: string }) {
  const { processes, process_count: count } = health;
  return (
    <Card title="Processes" className="pb-2" actions={<span className="text-xs text-ink-3">{plural(count, "process", "processes")} in this time</span>}>
      {processes.length === 0 ? (
        <AllWell>No process has sent anything in this time.</AllWell>
      ) : (
        <HealthTable
          label="Processes"
          columns={[
            { title: "Process" },
            { title: "Service" },
            { title: "State" },
            { title: "Last seen" },
            { title: "SDK" },
            { title: "Records", isNumber: true },
            { title: "Lost", isNumber: true },
            { title: "What it says, and what to do" },
          ]}
          minWidth="min-w-[56rem]"
          rows={processes.map((one) => ({
            key: one.process_id,
            cells: [
              <div key="process">
                <ProcessId id={one.process_id} />
                <div className="text-xs text-ink-3">{one.host}</div>
              </div>,
              <div key="service">
                {serviceName(one.service)}
                <div className="text-xs text-ink-3">{one.environment}</div>
              </div>,
              <Badge key="state" tone={TONES[one.state]}>
                {one.state}
              </Badge>,
              <Ago key="seen" iso={one.last_seen} zone={zone} />,
              <div key="sdk" className="whitespace-nowrap">
                {one.sdk_version ?? "unknown"}
                <div className="text-xs text-ink-3">{one.language}</div>
              </div>,
              formatCount(one.records),
              formatCount(one.capture_content === null ? null : one.lost),
              <Remarks key="remarks" one={one} />,
            ],
          }))}
        />
      )}
      {count > processes.length ? <p className="px-4 pt-1 text-xs text-ink-3">Only the latest {formatCount(processes.length)} are shown.</p> : null}
    </Card>
  );
}

function Remarks({ one }: { one: ProcessHealth }) {
  const errors = Object.entries(one.internal_errors);
  return (
    <div className="min-w-56">
      {one.capture_content === null ? "No report: another sender, or an older SDK." : null}
      {one.capture_content ? <div className="text-xs text-ink-3">Prompts and answers are recorded.</div> : null}
      {errors.map(([place, count]) => (
        <div key={place}>
          {plural(count, "internal error")} in <code className="font-mono text-xs">{place}</code>
        </div>
      ))}
      {one.wrappers.map((wrapper) => (
        <div key={`${wrapper.target} ${wrapper.module}`}>
          <code className="font-mono text-xs">{wrapper.module}</code> wraps {wrapper.target}
        </div>
      ))}
      {one.fix ? <Fix>{one.fix}</Fix> : null}
    </div>
  );
}
