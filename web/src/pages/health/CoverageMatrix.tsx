/** Services by client libraries: what is watched, in which version, and when it was last used. */

import { CircleCheck, CircleDashed, CircleX, TriangleAlert } from "lucide-react";

import type { DataHealth, LibraryCoverage } from "../../api/types";
import { Card } from "../../components/core/Card";
import { Ago } from "../../components/figure/Figures";
import { formatCount, plural } from "../../lib/numbers";
import { AllWell, HealthTable, serviceName } from "./HealthTable";

const STATES = {
  active: { word: "watched", icon: CircleCheck, tone: "text-good" },
  degraded: { word: "in part", icon: TriangleAlert, tone: "text-warn" },
  missing: { word: "not watched", icon: CircleX, tone: "text-bad" },
} as const;

export function CoverageMatrix({ health, zone }: { health: DataHealth; zone: string }) {
  const faults = health.coverage.flatMap((row) => row.libraries.filter((cell) => cell.fix !== null).map((cell) => ({ cell, service: row.service })));
  return (
    <Card
      title="Coverage"
      className="pb-2"
      actions={<span className="text-xs text-ink-3">Client libraries and frameworks that processes have imported</span>}
    >
      {health.libraries.length === 0 ? (
        <AllWell>No process of this time has sent a report: they run another sender, or an older SDK.</AllWell>
      ) : (
        <HealthTable
          label="Coverage"
          columns={[{ title: "Service" }, ...health.libraries.map((title) => ({ title }))]}
          rows={health.coverage.map((row) => ({
            key: row.service ?? "",
            cells: [
              <div key="service">
                <div className="font-medium">{serviceName(row.service)}</div>
                <div className="text-xs text-ink-3">{plural(row.processes, "process", "processes")}</div>
              </div>,
              ...health.libraries.map((name) => (
                <Cell key={name} cell={row.libraries.find((cell) => cell.library === name)} zone={zone} />
              )),
            ],
          }))}
        />
      )}
      {faults.length > 0 ? (
        <ul aria-label="Libraries that are not fully watched" className="border-t border-line px-4 pt-2">
          {faults.map(({ cell, service }) => (
            <li key={`${service} ${cell.library}`} className="py-1">
              <span className="font-medium">{cell.library}</span> in {serviceName(service)}
              {cell.detail ? <span className="text-ink-2">: {cell.detail}.</span> : null} <span className="text-ink-2">{cell.fix}</span>
            </li>
          ))}
        </ul>
      ) : null}
    </Card>
  );
}

function Cell({ cell, zone }: { cell: LibraryCoverage | undefined; zone: string }) {
  if (!cell) {
    return (
      <span className="inline-flex items-center gap-1 text-xs text-ink-3">
        <CircleDashed aria-hidden className="size-3.5" />
        not imported
      </span>
    );
  }
  const { word, icon: Icon, tone } = STATES[cell.state];
  return (
    <div className="min-w-28 whitespace-nowrap">
      <div className={`inline-flex items-center gap-1 text-xs font-medium ${tone}`}>
        <Icon aria-hidden className="size-3.5" />
        {word}
      </div>
      <div className="text-xs text-ink-2">
        {[...cell.versions, ...(cell.is_framework ? [] : [cell.calls > 0 ? plural(cell.calls, "call") : "no calls"])].join(" · ")}
      </div>
      <div className="text-xs text-ink-3" title={`${formatCount(cell.processes)} of its processes`}>
        {cell.last_call ? <Ago iso={cell.last_call} zone={zone} /> : null}
      </div>
    </div>
  );
}
