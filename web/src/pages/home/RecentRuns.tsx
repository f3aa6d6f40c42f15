/** The newest runs of the time range. */

import { Link } from "@tanstack/react-router";

import { useRuns } from "../../api/queries";
import type { RunSummary } from "../../api/types";
import { Card } from "../../components/core/Card";
import { Empty, Failure, Skeleton } from "../../components/core/States";
import { Ago, Duration, SpendFigure } from "../../components/figure/Figures";
import { StatusBadge } from "../../components/run/StatusBadge";
import { formatCount } from "../../lib/numbers";
import { useLast } from "../../lib/use-last";
import { useUrl } from "../../lib/use-url";

const SHOWN_RUNS = 8;

export function RecentRuns() {
  const { project, range, zone } = useUrl();
  const runs = useRuns({ project, range }, "-start", SHOWN_RUNS);
  const data = useLast(runs.data);
  const rows = data?.pages[0]?.runs ?? [];
  return (
    <Card
      title="Recent runs"
      className="pb-2"
      actions={
        <Link to="/runs" search={{}} className="text-xs text-accent-ink hover:underline">
          All runs
        </Link>
      }
    >
      {runs.error && !data ? <Failure doing="Loading the runs" error={runs.error} onRetry={() => void runs.refetch()} /> : null}
      {!runs.error && !data ? <Skeleton className="mx-4 my-2 h-44" /> : null}
      {data && rows.length === 0 ? <Empty title="No runs in this time range">Choose a longer time range above.</Empty> : null}
      {rows.length > 0 ? <RunTable rows={rows} zone={zone} /> : null}
    </Card>
  );
}

function RunTable({ rows, zone }: { rows: readonly RunSummary[]; zone: string }) {
  return (
    <table className="w-full">
      <thead className="text-xs text-ink-3">
        <tr>
          <th scope="col" className="py-1 pl-4 text-left font-normal">
            Run
          </th>
          <th scope="col" className="py-1 text-left font-normal">
            Status
          </th>
          <th scope="col" className="hidden py-1 text-left font-normal md:table-cell">
            Models
          </th>
          <th scope="col" className="hidden py-1 text-right font-normal sm:table-cell">
            Calls
          </th>
          <th scope="col" className="hidden py-1 text-right font-normal sm:table-cell">
            Duration
          </th>
          <th scope="col" className="py-1 text-right font-normal">
            Cost
          </th>
          <th scope="col" className="w-28 py-1 pr-4 text-right font-normal">
            Started
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((run) => (
          <tr key={run.run_id} className="hover:bg-hover">
            <td className="h-8 max-w-0 min-w-32 truncate pr-3 pl-4 md:min-w-48">
              <Link to="/runs/$runId" params={{ runId: run.run_id }} search={{}} className="font-medium hover:underline" title={run.run_id}>
                {run.name ?? <span className="font-mono text-xs font-normal">{run.run_id}</span>}
              </Link>
            </td>
            <td>
              <StatusBadge status={run.status} />
            </td>
            <td className="hidden max-w-56 truncate pr-3 text-ink-2 md:table-cell">{run.models.join(", ")}</td>
            <td className="hidden text-right text-ink-2 sm:table-cell">{formatCount(run.spend.calls)}</td>
            <td className="hidden text-right text-ink-2 sm:table-cell">
              <Duration ms={run.duration_ms} />
            </td>
            <td className="text-right font-medium">
              <SpendFigure spend={run.spend} />
            </td>
            <td className="pr-4 text-right whitespace-nowrap text-ink-2">
              <Ago iso={run.start_time} zone={zone} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
