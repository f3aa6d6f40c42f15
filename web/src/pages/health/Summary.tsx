/** The answer in one line, and what it rests on. */

import { CircleCheck, CircleDashed, CircleHelp, TriangleAlert } from "lucide-react";

import type { DataHealth, HealthFinding } from "../../api/types";
import { plural } from "../../lib/numbers";
import { Fix } from "./HealthTable";

export function Summary({ health }: { health: DataHealth }) {
  const { records, usage } = health;
  const missing = health.findings.filter((finding) => finding.severity === "missing");
  const isSilent = health.complete && records.batches === 0 && usage.calls === 0;
  return (
    <section aria-label="Summary" className="rounded-lg border border-line bg-surface px-4 py-3">
      <p className="flex flex-wrap items-center gap-x-2 gap-y-1 text-base font-semibold">
        {isSilent ? (
          <>
            <CircleDashed aria-hidden className="size-4.5 text-ink-3" />
            Nothing arrived in this time
          </>
        ) : health.complete ? (
          <>
            <CircleCheck aria-hidden className="size-4.5 text-good" />
            Complete
          </>
        ) : (
          <>
            <TriangleAlert aria-hidden className="size-4.5 text-warn" />
            {missing.map((finding) => finding.text).join(" · ")}
          </>
        )}
      </p>
      <p className="pt-0.5 text-xs text-ink-3">
        {plural(records.received, "record")} arrived in {plural(records.batches, "batch", "batches")} from {plural(health.process_count, "process", "processes")}:{" "}
        {plural(records.stored, "new one")}, {plural(records.duplicates, "duplicate")} merged, {records.rejected} refused. {plural(usage.calls, "charged call")} in this time.
      </p>
      {health.findings.length > 0 ? (
        <ul aria-label="Findings" className="mt-2 divide-y divide-line border-t border-line">
          {health.findings.map((finding) => (
            <FindingLine key={finding.kind} finding={finding} />
          ))}
        </ul>
      ) : null}
    </section>
  );
}

function FindingLine({ finding }: { finding: HealthFinding }) {
  const isMissing = finding.severity === "missing";
  const Icon = isMissing ? TriangleAlert : CircleHelp;
  return (
    <li className="flex gap-2 py-1.5">
      <Icon aria-hidden className={isMissing ? "mt-0.5 size-3.5 shrink-0 text-warn" : "mt-0.5 size-3.5 shrink-0 text-ink-3"} />
      <div className="min-w-0">
        <p className="font-medium">
          {finding.text}
          {isMissing ? null : <span className="font-normal text-ink-3"> · nothing is missing by it</span>}
        </p>
        <Fix>{finding.fix}</Fix>
      </div>
    </li>
  );
}
