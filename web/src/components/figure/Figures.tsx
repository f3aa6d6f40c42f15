/** Numbers of the domain on the page: short text, exact value on hover, incompleteness marked. */

import { Tooltip } from "../core/Tooltip";
import { cx } from "../core/cx";
import type { Spend } from "../../api/types";
import { formatUsd, formatUsdExact } from "../../lib/money";
import { formatCount, formatTokens, plural } from "../../lib/numbers";
import { formatAgo, formatDuration, formatDurationExact, formatInstant, formatInstantExact } from "../../lib/time";
import { useNow } from "../../lib/use-now";

interface Styled {
  className?: string;
}

export function Money({ usd, className }: Styled & { usd: string | null | undefined }) {
  return (
    <span className={cx("whitespace-nowrap tabular-nums", className)} title={formatUsdExact(usd)}>
      {formatUsd(usd)}
    </span>
  );
}

/** What is estimated in a sum and what is missing from it; `null` where it is complete and exact. */
export function spendCaveat(spend: Spend): string | null {
  const parts: string[] = [];
  if (spend.unpriced_calls > 0) {
    parts.push(`${plural(spend.unpriced_calls, "call")} of ${formatCount(spend.calls)} without a known price: not in the sum.`);
  }
  if (spend.estimated_calls > 0) {
    parts.push(`${formatUsd(spend.estimated_usd)} of it is estimated (${plural(spend.estimated_calls, "call")}).`);
  }
  return parts.length > 0 ? parts.join(" ") : null;
}

/** A sum that says when it is not the whole: `≥` where calls are unpriced, `~` where some are estimated. */
export function SpendFigure({ spend, className }: Styled & { spend: Spend }) {
  const caveat = spendCaveat(spend);
  const unknown = spend.calls > 0 && spend.unpriced_calls === spend.calls;
  const mark = spend.unpriced_calls > 0 ? "≥" : spend.estimated_calls > 0 ? "~" : "";
  const text = unknown ? "unknown" : `${mark}${formatUsd(spend.cost_usd)}`;
  const figure = (
    <span className={cx("whitespace-nowrap tabular-nums", caveat && "underline decoration-warn decoration-dotted underline-offset-3", className)}>
      {text}
    </span>
  );
  if (!caveat) {
    return (
      <span className={cx("whitespace-nowrap tabular-nums", className)} title={formatUsdExact(spend.cost_usd)}>
        {text}
      </span>
    );
  }
  return <Tooltip content={unknown ? caveat : `${formatUsdExact(spend.cost_usd)}. ${caveat}`}>{figure}</Tooltip>;
}

export function Tokens({ count, className }: Styled & { count: number | null | undefined }) {
  return (
    <span className={cx("whitespace-nowrap tabular-nums", className)} title={formatCount(count)}>
      {formatTokens(count)}
    </span>
  );
}

export function Duration({ ms, className }: Styled & { ms: number | null | undefined }) {
  return (
    <span className={cx("whitespace-nowrap tabular-nums", className)} title={formatDurationExact(ms)}>
      {formatDuration(ms)}
    </span>
  );
}

/** A moment in the reader's zone; exact with the zone on hover. */
export function Instant({ iso, zone, className }: Styled & { iso: string | null | undefined; zone: string }) {
  const nowMs = useNow();
  return (
    <time dateTime={iso ?? undefined} title={formatInstantExact(iso, zone)} className={cx("whitespace-nowrap tabular-nums", className)}>
      {formatInstant(iso, zone, nowMs)}
    </time>
  );
}

export function Ago({ iso, zone, className }: Styled & { iso: string | null | undefined; zone: string }) {
  const nowMs = useNow();
  return (
    <time dateTime={iso ?? undefined} title={formatInstantExact(iso, zone)} className={cx("whitespace-nowrap tabular-nums", className)}>
      {formatAgo(iso, nowMs)}
    </time>
  );
}
