/** The six figures on top, each with its change against the period before. */

import { TrendingDown, TrendingUp } from "lucide-react";
import type { ReactNode } from "react";

import type { TotalsAnswer, TotalsRow } from "../../api/types";
import { Skeleton } from "../../components/core/States";
import { Tooltip } from "../../components/core/Tooltip";
import { cx } from "../../components/core/cx";
import { Money, SpendFigure } from "../../components/figure/Figures";
import { divideUsd, formatUsd, usdToNumber } from "../../lib/money";
import { formatChange, formatCount, formatShare, formatTokens, relativeChange } from "../../lib/numbers";
import { formatDuration, formatDurationExact } from "../../lib/time";

/** Whether more is worse: only such changes are coloured. */
type Meaning = "worse" | "neutral";

interface Figure {
  label: string;
  value: ReactNode;
  detail?: ReactNode;
  change: number | null;
  before: string;
  meaning: Meaning;
}

export function Headline({ answer }: { answer: TotalsAnswer | undefined }) {
  if (!answer) {
    return (
      <div aria-busy="true" className="grid grid-cols-2 gap-3 md:grid-cols-3 xl:grid-cols-6">
        {["spent", "calls", "tokens", "errors", "latency", "percall"].map((name) => (
          <Skeleton key={name} className="h-[5.6rem]" />
        ))}
      </div>
    );
  }
  return (
    <dl className="grid grid-cols-2 overflow-hidden rounded-lg border border-line bg-line [gap:1px] md:grid-cols-3 xl:grid-cols-6">
      {figures(answer.total, answer.previous_total ?? null).map((figure) => (
        <FigureTile key={figure.label} figure={figure} />
      ))}
    </dl>
  );
}

function figures(now: TotalsRow, before: TotalsRow | null): Figure[] {
  return [
    {
      label: "Spent",
      value: <SpendFigure spend={now.spend} />,
      change: relativeChange(usdToNumber(now.spend.cost_usd), before ? usdToNumber(before.spend.cost_usd) : null),
      before: before ? formatUsd(before.spend.cost_usd) : "",
      meaning: "worse",
    },
    {
      label: "Calls",
      value: formatCount(now.spend.calls),
      change: relativeChange(now.spend.calls, before?.spend.calls ?? null),
      before: formatCount(before?.spend.calls),
      meaning: "neutral",
    },
    tokenFigure(now, before),
    {
      label: "Error rate",
      value: formatShare(errorRate(now)),
      detail: now.error_calls > 0 ? `${formatCount(now.error_calls)} failed` : "none failed",
      change: relativeChange(errorRate(now), before ? errorRate(before) : null),
      before: before ? formatShare(errorRate(before)) : "",
      meaning: "worse",
    },
    {
      label: "Latency p50",
      value: <span title={formatDurationExact(now.duration_p50_ms)}>{formatDuration(now.duration_p50_ms)}</span>,
      detail: <span title={formatDurationExact(now.duration_p95_ms)}>p95 {formatDuration(now.duration_p95_ms)}</span>,
      change: relativeChange(now.duration_p50_ms, before?.duration_p50_ms ?? null),
      before: formatDuration(before?.duration_p50_ms),
      meaning: "worse",
    },
    costPerCall(now, before),
  ];
}

function tokenFigure(now: TotalsRow, before: TotalsRow | null): Figure {
  const total = sumTokens(now);
  const earlier = before ? sumTokens(before) : null;
  return {
    label: "Tokens",
    value: <span title={formatCount(total)}>{formatTokens(total)}</span>,
    detail: `${formatTokens(now.input_tokens)} in · ${formatTokens(now.output_tokens)} out`,
    change: relativeChange(total, earlier),
    before: formatTokens(earlier),
    meaning: "neutral",
  };
}

function costPerCall(now: TotalsRow, before: TotalsRow | null): Figure {
  const each = perPricedCall(now);
  const earlier = before ? perPricedCall(before) : null;
  return {
    label: "Cost per call",
    value: <Money usd={each} />,
    detail: now.spend.unpriced_calls > 0 ? "over priced calls" : undefined,
    change: each !== null && earlier !== null ? relativeChange(usdToNumber(each), usdToNumber(earlier)) : null,
    before: formatUsd(earlier),
    meaning: "worse",
  };
}

/** Calls without a price are in neither part of the ratio. */
function perPricedCall(row: TotalsRow): string | null {
  return divideUsd(row.spend.cost_usd, row.spend.calls - row.spend.unpriced_calls);
}

function sumTokens(row: TotalsRow): number | null {
  if (row.input_tokens === null && row.output_tokens === null) return null;
  return (row.input_tokens ?? 0) + (row.output_tokens ?? 0);
}

function errorRate(row: TotalsRow): number | null {
  return row.spend.calls === 0 ? null : row.error_calls / row.spend.calls;
}

function FigureTile({ figure }: { figure: Figure }) {
  const detail = figure.detail ?? (figure.change === null ? "nothing before to compare" : `${figure.before} before`);
  return (
    <div className="flex min-w-0 flex-col gap-0.5 bg-surface px-4 py-3">
      <dt className="flex items-center justify-between gap-2 text-xs text-ink-3">
        {figure.label}
        <Change figure={figure} />
      </dt>
      <dd className="truncate pb-0.5 text-xl leading-tight font-semibold">{figure.value}</dd>
      <dd className="truncate text-xs text-ink-3">{detail}</dd>
    </div>
  );
}

function Change({ figure }: { figure: Figure }) {
  const { change, meaning, before } = figure;
  if (change === null) return null;
  const Icon = change < 0 ? TrendingDown : TrendingUp;
  const tone = meaning === "neutral" || Math.abs(change) < 0.005 ? "text-ink-2" : change > 0 ? "text-bad" : "text-good";
  return (
    <Tooltip content={`${before} in the period of the same length before`}>
      <span className={cx("inline-flex items-center gap-1 text-xs", tone)}>
        <Icon aria-hidden className="size-3" />
        {formatChange(change)}
      </span>
    </Tooltip>
  );
}
