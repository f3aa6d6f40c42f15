/** What the list of runs shows of each run. */

import { Link } from "@tanstack/react-router";

import type { RunSummary } from "../../api/types";
import { Duration, Instant, SpendFigure, Tokens } from "../../components/figure/Figures";
import { StatusBadge } from "../../components/run/StatusBadge";
import type { DataColumn } from "../../components/table/DataTable";
import { formatCount } from "../../lib/numbers";

function List({ values }: { values: readonly string[] }) {
  if (values.length === 0) return <span className="text-ink-3">—</span>;
  return (
    <span title={values.join(", ")} className="flex min-w-0 gap-1">
      <span className="truncate">{values[0]}</span>
      {values.length > 1 ? <span className="text-ink-3">+{values.length - 1}</span> : null}
    </span>
  );
}

export function runColumns(zone: string): DataColumn<RunSummary>[] {
  return [
    {
      id: "name",
      header: "Run",
      width: "minmax(150px, 2fr)",
      cell: (run) => (
        <Link to="/runs/$runId" params={{ runId: run.run_id }} search={{}} className="font-medium text-ink hover:underline" title={run.run_id}>
          {run.name ?? <span className="font-mono text-xs font-normal text-ink-2">{run.run_id}</span>}
        </Link>
      ),
    },
    { id: "status", header: "Status", width: "80px", cell: (run) => <StatusBadge status={run.status} /> },
    { id: "start", header: "Started", width: "104px", sortBy: "start", cell: (run) => <Instant iso={run.start_time} zone={zone} className="text-ink-2" /> },
    { id: "duration", header: "Duration", width: "74px", align: "right", sortBy: "duration", cell: (run) => <Duration ms={run.duration_ms} /> },
    { id: "cost", header: "Cost", width: "96px", align: "right", sortBy: "cost", cell: (run) => <SpendFigure spend={run.spend} className="font-medium" /> },
    { id: "calls", header: "Calls", width: "50px", align: "right", sortBy: "calls", cell: (run) => formatCount(run.spend.calls) },
    {
      id: "errors",
      header: "Errors",
      width: "50px",
      align: "right",
      cell: (run) => <span className={run.error_count > 0 ? "text-bad" : "text-ink-3"}>{formatCount(run.error_count)}</span>,
    },
    { id: "input", header: "Input", width: "58px", align: "right", cell: (run) => <Tokens count={run.input_tokens} /> },
    { id: "output", header: "Output", width: "58px", align: "right", cell: (run) => <Tokens count={run.output_tokens} /> },
    { id: "models", header: "Models", width: "minmax(130px, 1.4fr)", cell: (run) => <List values={run.models} /> },
    { id: "agents", header: "Agents", width: "minmax(100px, 1fr)", cell: (run) => <List values={run.agents} /> },
    { id: "customer", header: "Customer", width: "minmax(90px, 1fr)", cell: (run) => <List values={run.customers} /> },
    { id: "providers", header: "Providers", width: "minmax(100px, 1fr)", cell: (run) => <List values={run.providers} /> },
    { id: "environment", header: "Environment", width: "100px", cell: (run) => run.environment ?? <span className="text-ink-3">—</span> },
    { id: "service", header: "Service", width: "100px", cell: (run) => run.service ?? <span className="text-ink-3">—</span> },
    { id: "session", header: "Session", width: "120px", cell: (run) => run.session_id ?? <span className="text-ink-3">—</span> },
    { id: "user", header: "User", width: "100px", cell: (run) => run.user_id ?? <span className="text-ink-3">—</span> },
    { id: "tags", header: "Tags", width: "minmax(90px, 1fr)", cell: (run) => <List values={run.tags} /> },
  ];
}

/** What a phone has room for. */
const SHOWN_WHEN_NARROW = new Set(["name", "status", "cost"]);

export function hiddenColumns(chosen: string | undefined, isNarrow: boolean): ReadonlySet<string> {
  if (chosen !== undefined) return new Set(chosen.split(","));
  if (!isNarrow) return new Set(HIDDEN_BY_DEFAULT);
  return new Set(runColumns("UTC").map((column) => column.id).filter((id) => !SHOWN_WHEN_NARROW.has(id)));
}

/** Hidden until the reader asks for them. */
export const HIDDEN_BY_DEFAULT: readonly string[] = ["providers", "environment", "service", "session", "user", "tags"];
