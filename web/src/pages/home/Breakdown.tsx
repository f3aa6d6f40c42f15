/** Who and what the money went to, dearest first. */

import { Link } from "@tanstack/react-router";

import { type DimensionName, dimensionOf } from "../../api/dimensions";
import { useTotals } from "../../api/queries";
import type { TotalsRow } from "../../api/types";
import { Card } from "../../components/core/Card";
import { cx } from "../../components/core/cx";
import { Empty, Failure, Skeleton } from "../../components/core/States";
import { Duration, SpendFigure } from "../../components/figure/Figures";
import { formatTerm } from "../../lib/filter";
import { compareUsd, usdShare } from "../../lib/money";
import { formatCount, formatShare } from "../../lib/numbers";
import { seriesColor } from "../../lib/series-color";
import { useLast } from "../../lib/use-last";
import { useUrl } from "../../lib/use-url";

const SHOWN_ROWS = 8;
const MOST_ROWS = 200;

export function Breakdown({ dimension: name }: { dimension: DimensionName }) {
  const { project, range } = useUrl();
  const dimension = dimensionOf(name);
  const totals = useTotals({ project, range, groupBy: [name], limit: MOST_ROWS });
  const answer = useLast(totals.data);
  const rows = (answer?.rows ?? []).toSorted((a, b) => compareUsd(b.spend.cost_usd, a.spend.cost_usd) || b.spend.calls - a.spend.calls);
  return (
    <Card title={dimension.plural} className="pb-2">
      {totals.error && !answer ? (
        <Failure doing={`Loading the ${dimension.plural.toLowerCase()}`} error={totals.error} onRetry={() => void totals.refetch()} />
      ) : null}
      {!totals.error && !answer ? <Skeleton className="mx-4 my-2 h-44" /> : null}
      {answer && rows.length === 0 ? <Empty title={`No calls in this time range`} /> : null}
      {answer && rows.length > 0 ? (
        <table className="w-full table-fixed">
          <thead className="text-xs text-ink-3">
            <tr>
              <th scope="col" className="w-full py-1 pl-4 text-left font-normal">
                {dimension.label}
              </th>
              <th scope="col" className="w-14 py-1 text-right font-normal">
                Calls
              </th>
              <th scope="col" className="w-18 py-1 text-right font-normal">
                p95
              </th>
              <th scope="col" className="w-28 py-1 pr-4 text-right font-normal">
                Cost
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, SHOWN_ROWS).map((row) => (
              <BreakdownRow key={row.keys[name] ?? ""} row={row} name={name} total={answer.total} />
            ))}
          </tbody>
        </table>
      ) : null}
      {rows.length > SHOWN_ROWS ? (
        <p className="px-4 pt-1 text-xs text-ink-3">
          and {formatCount(rows.length - SHOWN_ROWS)}
          {answer?.truncated ? " or more" : ""} {rows.length - SHOWN_ROWS === 1 && !answer?.truncated ? "other" : "others"}
        </p>
      ) : null}
    </Card>
  );
}

function BreakdownRow({ row, name, total }: { row: TotalsRow; name: DimensionName; total: TotalsRow }) {
  const key = row.keys[name] ?? null;
  const share = usdShare(row.spend.cost_usd, total.spend.cost_usd);
  return (
    <tr className="group hover:bg-hover">
      <td className="relative h-8 min-w-0 pl-4">
        <span
          aria-hidden
          className="absolute bottom-0.5 left-4 h-0.5 rounded-full"
          style={{ width: `calc((100% - 1rem) * ${share.toFixed(4)})`, background: seriesColor(name, key) }}
        />
        <Link
          to="/runs"
          search={{ q: formatTerm({ negated: false, field: name, operator: "", values: [key ?? ""] }) }}
          title={`${key ?? dimensionOf(name).none}: ${formatShare(share)} of the cost`}
          className={cx("block truncate group-hover:underline", key === null && "text-ink-3")}
        >
          {key ?? dimensionOf(name).none}
        </Link>
      </td>
      <td className="text-right text-ink-2">{formatCount(row.spend.calls)}</td>
      <td className="text-right text-ink-2">
        <Duration ms={row.duration_p95_ms} />
      </td>
      <td className="pr-4 text-right font-medium">
        <SpendFigure spend={row.spend} />
      </td>
    </tr>
  );
}
