/** Differences that pricing again makes, by model and month. */

import type { RepriceJob, RepriceRow } from "../../../api/types";
import { Money } from "../../../components/figure/Figures";
import { compareUsd } from "../../../lib/money";
import { formatCount, plural } from "../../../lib/numbers";
import { cx } from "../../../components/core/cx";

const HEADERS = ["Model", "Month", "Calls", "Changed", "Before", "After", "Difference"] as const;

export function RepriceTable({ job }: { job: RepriceJob }) {
  const { total } = job;
  if (total.changed === 0) {
    return (
      <output className="text-ink-2">
        {total.calls === 0 ? "No call is in this selection." : `All of ${plural(total.calls, "call")} have the cost that they would get now.`}
      </output>
    );
  }
  const rows = job.rows.filter((row) => row.changed > 0);
  return (
    // Reachable by the keyboard, because on a phone the table scrolls sideways.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div role="region" aria-label="Differences" tabIndex={0} className="relative max-h-96 overflow-auto rounded-md border border-line">
      <table className="w-full min-w-[44rem]">
        <thead className="text-xs text-ink-3">
          <tr>
            {HEADERS.map((title, index) => (
              <th key={title} scope="col" className={cx("px-3 py-1 font-normal whitespace-nowrap", index < 2 ? "text-left" : "text-right")}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={`${row.provider} ${row.model} ${row.month}`} row={row} />
          ))}
        </tbody>
        <tfoot>
          <Row row={total} isTotal />
        </tfoot>
      </table>
      {job.truncated ? <p className="px-3 py-1 text-xs text-ink-3">The largest differences are shown; the total has all of them.</p> : null}
    </div>
  );
}

function Row({ row, isTotal = false }: { row: RepriceRow; isTotal?: boolean }) {
  const sign = compareUsd(row.difference_usd, "0");
  return (
    <tr className={cx("border-t border-line", isTotal && "font-semibold")}>
      <td className="px-3 py-1.5">
        {isTotal ? "Total" : row.model || "unnamed"} {isTotal ? null : <span className="text-xs text-ink-3">{row.provider}</span>}
      </td>
      <td className="px-3 py-1.5 tabular-nums">{row.month}</td>
      <td className="px-3 py-1.5 text-right tabular-nums">{formatCount(row.calls)}</td>
      <td className="px-3 py-1.5 text-right tabular-nums">{formatCount(row.changed)}</td>
      <Amount usd={row.old_usd} states={row.states_before} />
      <Amount usd={row.new_usd} states={row.states_after} />
      <td className={cx("px-3 py-1.5 text-right", sign > 0 && "text-bad", sign < 0 && "text-good")}>
        {sign > 0 ? "+" : ""}
        <Money usd={row.difference_usd} />
      </td>
    </tr>
  );
}

function Amount({ usd, states }: { usd: string | null; states: Record<string, number> }) {
  const unknown = states["unpriced"] ?? 0;
  return (
    <td className="px-3 py-1.5 text-right">
      {usd === null ? <span className="text-ink-3">unknown</span> : <Money usd={usd} />}
      {unknown > 0 && usd !== null ? <div className="text-xs font-normal text-ink-3">{formatCount(unknown)} unknown</div> : null}
    </td>
  );
}
