/** A run beside the list: its figures, its dearest calls and its failures, without leaving the place in the list. */

import { Link } from "@tanstack/react-router";
import { ArrowRight, X } from "lucide-react";
import type { ReactNode } from "react";

import { useRun } from "../../api/queries";
import type { RunNode, RunSummary } from "../../api/types";
import { Badge } from "../../components/core/Badge";
import { IconButton } from "../../components/core/Button";
import { CopyButton } from "../../components/core/Copy";
import { Failure, Skeleton } from "../../components/core/States";
import { Duration, Instant, Money, SpendFigure, spendCaveat, Tokens } from "../../components/figure/Figures";
import { StatusBadge } from "../../components/run/StatusBadge";
import { compareUsd } from "../../lib/money";
import { formatCount } from "../../lib/numbers";

const SHOWN_CALLS = 8;

export interface RunPeekProps {
  runId: string;
  /** The row of the list, shown until the run itself is loaded. */
  row: RunSummary | undefined;
  project: string;
  zone: string;
  onClose: () => void;
}

export function RunPeek({ runId, row, project, zone, onClose }: RunPeekProps) {
  const { data, error, refetch } = useRun(project, runId);
  const run = data?.run ?? row;
  return (
    <aside aria-label="Run" className="flex w-96 shrink-0 flex-col overflow-y-auto border-l border-line bg-surface">
      <header className="sticky top-0 flex items-center gap-2 border-b border-line bg-surface px-4 py-2">
        <h2 className="min-w-0 flex-1 truncate font-semibold" title={run?.name ?? undefined}>{run?.name ?? "Run"}</h2>
        <Link
          to="/runs/$runId"
          params={{ runId }}
          search={{}}
          className="inline-flex h-6 items-center gap-1 rounded-md border border-line-strong px-2 text-xs font-medium hover:bg-hover"
        >
          Open
          <ArrowRight aria-hidden className="size-3" />
        </Link>
        <IconButton size="sm" label="Close" hint="Esc" icon={<X aria-hidden className="size-4" />} onClick={onClose} />
      </header>
      {run ? <RunFacts run={run} zone={zone} /> : null}
      {error && !data ? <Failure doing="Loading the run" error={error} onRetry={() => void refetch()} /> : null}
      {!error && !data ? <Skeleton className="m-4 h-40" /> : null}
      {data ? <CallLists nodes={data.nodes} runId={runId} /> : null}
    </aside>
  );
}

function RunFacts({ run, zone }: { run: RunSummary; zone: string }) {
  const caveat = spendCaveat(run.spend);
  const facts: readonly (readonly [string, ReactNode])[] = [
    ["Status", <StatusBadge key="status" status={run.status} />],
    ["Cost", <SpendFigure key="cost" spend={run.spend} className="font-semibold" />],
    ["Started", <Instant key="start" iso={run.start_time} zone={zone} />],
    ["Duration", <Duration key="duration" ms={run.duration_ms} />],
    ["Calls", `${formatCount(run.spend.calls)}${run.error_count > 0 ? `, ${formatCount(run.error_count)} failed` : ""}`],
    [
      "Tokens",
      <span key="tokens">
        <Tokens count={run.input_tokens} /> in · <Tokens count={run.output_tokens} /> out
      </span>,
    ],
    ["Models", run.models.join(", ")],
    ["Agents", run.agents.join(", ")],
    ["Customers", run.customers.join(", ")],
    ["Session", run.session_id],
    ["User", run.user_id],
    ["Environment", run.environment],
    ["Service", run.service],
    ["Tags", run.tags.join(", ")],
  ];
  return (
    <div className="px-4 py-2">
      <dl>
        {facts
          .filter(([, value]) => value !== null && value !== "")
          .map(([name, value]) => (
            <div key={name} className="flex min-h-7 items-baseline gap-3 py-0.5">
              <dt className="w-24 shrink-0 text-ink-3">{name}</dt>
              <dd className="line-clamp-4 min-w-0 flex-1" title={typeof value === "string" ? value : undefined}>
                {value}
              </dd>
            </div>
          ))}
        <div className="flex min-h-7 items-center gap-3">
          <dt className="w-24 shrink-0 text-ink-3">Id</dt>
          <dd className="flex min-w-0 flex-1 items-center">
            <code className="truncate font-mono text-xs">{run.run_id}</code>
            <CopyButton text={run.run_id} label="Copy the id" />
          </dd>
        </div>
      </dl>
      {caveat ? <p className="mt-1 rounded-md bg-warn-soft px-2.5 py-1.5 text-xs text-warn">{caveat}</p> : null}
    </div>
  );
}

function CallLists({ nodes, runId }: { nodes: readonly RunNode[]; runId: string }) {
  const calls = nodes.filter((node) => node.type === "call" && node.merged_into === null);
  const dearest = calls.toSorted((a, b) => compareUsd(b.cost_usd, a.cost_usd)).slice(0, SHOWN_CALLS);
  const failed = nodes.filter((node) => node.status === "error").slice(0, SHOWN_CALLS);
  return (
    <div className="flex flex-col gap-3 border-t border-line px-4 py-3">
      {failed.length > 0 ? <NodeList title="Failures" nodes={failed} runId={runId} /> : null}
      {dearest.length > 0 ? <NodeList title="Dearest calls" nodes={dearest} runId={runId} /> : null}
    </div>
  );
}

function NodeList({ title, nodes, runId }: { title: string; nodes: readonly RunNode[]; runId: string }) {
  return (
    <section>
      <h3 className="pb-1 text-xs text-ink-3">{title}</h3>
      <ul>
        {nodes.map((node) => (
          <li key={node.event_id}>
            <Link
              to="/runs/$runId"
              params={{ runId }}
              search={{ event: node.event_id }}
              className="-mx-2 flex h-7 items-center gap-2 rounded-md px-2 hover:bg-hover"
            >
              <span className="min-w-0 flex-1 truncate">{node.model ?? node.name}</span>
              {node.error_type ? <Badge tone="bad" className="max-w-32" title={node.error_type}>
                  {node.error_type}
                </Badge> : null}
              <Duration ms={node.duration_ms} className="text-xs text-ink-3" />
              {node.type === "call" ? <Money usd={node.cost_usd} className="w-20 text-right" /> : null}
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
