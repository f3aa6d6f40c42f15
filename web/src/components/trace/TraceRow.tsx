/** One row of the tree: fold mark, kind, name, and the figures of the node with everything below it. */

import { ChevronDown, ChevronRight } from "lucide-react";
import { memo } from "react";

import { formatTokens, plural } from "../../lib/numbers";
import { formatDuration, formatDurationExact } from "../../lib/time";
import type { Tone } from "../core/Badge";
import { cx } from "../core/cx";
import { statusTone } from "../run/status";
import { KindIcon, kindStyle } from "./kinds";
import { costText } from "./rollup";
import type { TraceNode } from "./tree";

export const ROW_HEIGHT_PX = 28;
const INDENT_PX = 14;
const MAX_INDENT_LEVELS = 18;
const STATUS_INKS: Record<Tone, string> = {
  neutral: "text-ink-2",
  good: "text-good",
  warn: "text-warn",
  bad: "text-bad",
  accent: "text-accent-ink",
};

export interface TraceRowProps {
  item: TraceNode;
  rowId: string;
  top: number;
  treeWidth: number;
  /** Leaves the tokens out where there is little room. */
  compact: boolean;
  selected: boolean;
  folded: boolean;
  hit: boolean;
}

export const TraceRow = memo(function TraceRow(props: TraceRowProps) {
  const { item, rowId, top, treeWidth, compact, selected, folded, hit } = props;
  const { node, total } = item;
  const cost = costText(total);
  const parent = item.children.length > 0;
  const tokens = total.input_tokens + total.output_tokens;
  return (
    <div
      id={rowId}
      role="treeitem"
      tabIndex={-1}
      data-event-id={node.event_id}
      aria-level={item.depth + 1}
      aria-selected={selected}
      aria-expanded={parent ? !folded : undefined}
      className={cx(
        "absolute inset-x-0 flex cursor-default items-center border-b border-line/50 text-xs",
        selected ? "bg-selected" : "hover:bg-hover",
        hit ? "" : "opacity-50",
      )}
      style={{ top, height: ROW_HEIGHT_PX }}
    >
      <div className="flex h-full min-w-0 shrink-0 items-center gap-1.5 pr-2" style={{ width: treeWidth }}>
        <span className="flex shrink-0 items-center" style={{ paddingLeft: 6 + Math.min(item.depth, MAX_INDENT_LEVELS) * INDENT_PX }}>
          {parent ? (
            <button
              type="button"
              tabIndex={-1}
              data-fold
              aria-label={folded ? "Unfold" : "Fold"}
              className="flex size-4 items-center justify-center rounded-sm text-ink-3 hover:text-ink"
            >
              {folded ? <ChevronRight aria-hidden className="size-3.5" /> : <ChevronDown aria-hidden className="size-3.5" />}
            </button>
          ) : (
            <span className="size-4" />
          )}
        </span>
        <KindIcon kind={node.kind} />
        <span className="flex min-w-0 flex-1 items-center gap-1.5 overflow-hidden">
          <span
            className={cx("min-w-[30%] flex-1 truncate", node.synthetic ? "text-ink-3 italic" : "")}
            title={`${kindStyle(node.kind).label}: ${node.name}${node.model ? ` (${node.model})` : ""}`}
          >
            {node.model ?? node.name}
            {node.model ? <span className="ml-1.5 text-ink-3">{node.name}</span> : null}
          </span>
          {node.attempt > 0 ? <span className="shrink-0 text-warn">retry {node.attempt}</span> : null}
          {node.status === "ok" ? null : (
            <span className={cx("min-w-8 truncate", STATUS_INKS[statusTone(node.status)])} title={node.error_type ?? node.status}>
              {node.error_type ?? node.status}
            </span>
          )}
          {folded ? (
            <span className="shrink-0 text-ink-3" title={plural(total.calls, "call")}>
              +{total.calls}
            </span>
          ) : null}
        </span>
        {compact ? null : (
          <span className="w-14 shrink-0 text-right text-ink-2" title="Tokens, input and output">
            {tokens > 0 ? formatTokens(tokens) : ""}
          </span>
        )}
        <span className="w-22 shrink-0 text-right whitespace-nowrap" title={cost.title}>
          {cost.text}
        </span>
        <span className="w-14 shrink-0 text-right text-ink-2" title={formatDurationExact(node.duration_ms)}>
          {formatDuration(node.duration_ms)}
        </span>
      </div>
    </div>
  );
});
