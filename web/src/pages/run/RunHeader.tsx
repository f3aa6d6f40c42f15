/** Who, when and how much: the figures of a run above its tree. */

import { Link } from "@tanstack/react-router";
import { ChevronDown, ChevronLeft, ChevronUp } from "lucide-react";
import { useState } from "react";

import type { RunDetail, RunSummary } from "../../api/types";
import { formatUsd, formatUsdExact } from "../../lib/money";
import { formatCount, formatTokens, plural } from "../../lib/numbers";
import { formatDuration, formatDurationExact, formatInstantExact } from "../../lib/time";
import { Badge } from "../../components/core/Badge";
import { IconButton } from "../../components/core/Button";
import { CopyButton } from "../../components/core/Copy";
import { ScoreBadges } from "../../components/event/Scores";
import { StatusBadge } from "../../components/run/StatusBadge";
import type { Neighbours } from "./neighbours";

interface Figure {
  label: string;
  value: string;
  title?: string;
}

function figuresOf(run: RunSummary, zone: string, elapsedMs: number): Figure[] {
  const { spend } = run;
  const mark = spend.unpriced_calls > 0 ? "≥" : spend.estimated_calls > 0 ? "~" : "";
  const cost = spend.calls > 0 && spend.unpriced_calls === spend.calls ? "unknown" : mark + formatUsd(spend.cost_usd);
  return [
    { label: "Cost", value: cost, title: formatUsdExact(spend.cost_usd) },
    { label: "Calls", value: formatCount(spend.calls) },
    {
      label: "Tokens in / out",
      value: `${formatTokens(run.input_tokens)} / ${formatTokens(run.output_tokens)}`,
      title: `${formatCount(run.input_tokens)} in, ${formatCount(run.output_tokens)} out`,
    },
    run.status === "running"
      ? { label: "Duration", value: `${formatDuration(elapsedMs)} so far` }
      : { label: "Duration", value: formatDuration(run.duration_ms), title: formatDurationExact(run.duration_ms) },
    { label: "Errors", value: formatCount(run.error_count) },
    { label: "Started", value: formatInstantExact(run.start_time, zone) },
  ];
}

function contextOf(run: RunSummary): string[] {
  const named: [string, string | null][] = [
    ...run.customers.map((customer): [string, string] => ["customer", customer]),
    ["user", run.user_id],
    ["session", run.session_id],
    ["environment", run.environment],
    ["service", run.service],
  ];
  return [...named.flatMap(([label, value]) => (value ? [`${label} ${value}`] : [])), ...run.tags, ...run.models];
}

export interface RunHeaderProps {
  detail: RunDetail;
  zone: string;
  /** Age of a run that still runs. */
  elapsedMs: number;
  neighbours: Neighbours;
  onGo: (runId: string) => void;
}

const SHOWN_BADGES = 14;

export function RunHeader({ detail, zone, elapsedMs, neighbours, onGo }: RunHeaderProps) {
  const { run } = detail;
  const { spend } = run;
  const [allBadges, setAllBadges] = useState(false);
  const context = contextOf(run);
  const shown = allBadges ? context : context.slice(0, SHOWN_BADGES);
  return (
    <header className="flex flex-col gap-2 border-b border-line bg-surface px-4 py-3">
      <div className="flex flex-wrap items-center gap-2">
        <Link to="/runs" className="inline-flex items-center text-xs text-ink-2 hover:text-ink">
          <ChevronLeft aria-hidden className="size-3.5" /> Runs
        </Link>
        <h2 className="line-clamp-2 min-w-0 text-base font-semibold break-words" title={run.name ?? undefined}>
          {run.name ?? "Unnamed run"}
        </h2>
        <StatusBadge status={run.status} />
        <span className="font-mono text-xs text-ink-3">{run.run_id}</span>
        <CopyButton text={run.run_id} label="Copy run id" className="-ml-1" />
        <Pager neighbours={neighbours} onGo={onGo} />
      </div>
      <dl className="flex flex-wrap gap-x-6 gap-y-1">
        {figuresOf(run, zone, elapsedMs).map((figure) => (
          <div key={figure.label} title={figure.title}>
            <dt className="text-2xs text-ink-3">{figure.label}</dt>
            <dd className="font-medium">{figure.value}</dd>
          </div>
        ))}
      </dl>
      <div className="flex flex-wrap gap-1">
        {spend.unpriced_calls > 0 ? (
          <Badge tone="bad">{plural(spend.unpriced_calls, "call")} unpriced: not in the cost</Badge>
        ) : null}
        {spend.estimated_calls > 0 ? (
          <Badge tone="warn">
            {formatUsd(spend.estimated_usd)} of it estimated ({plural(spend.estimated_calls, "call")})
          </Badge>
        ) : null}
        {shown.map((text, index) => (
          // A tag may be named as a model is.
          <Badge key={`${index}-${text}`} className="sm:max-w-72" title={text}>
            {text}
          </Badge>
        ))}
        {context.length > shown.length ? (
          <button type="button" className="rounded-sm px-1 text-xs text-accent-ink hover:underline" onClick={() => setAllBadges(true)}>
            {context.length - shown.length} more
          </button>
        ) : null}
      </div>
      {detail.scores.length + detail.session_scores.length > 0 ? (
        <div className="flex flex-wrap gap-x-6 gap-y-1">
          <ScoreBadges scores={detail.scores} label="Scores of the run" title="Run scores" />
          <ScoreBadges scores={detail.session_scores} label="Scores of the session" title="Session scores" />
        </div>
      ) : null}
    </header>
  );
}

/** Nothing where the run was opened by its link: there is no list to go through. */
function Pager({ neighbours, onGo }: Pick<RunHeaderProps, "neighbours" | "onGo">) {
  const { previous, next } = neighbours;
  if (previous === null && next === null) return null;
  return (
    <span className="ml-auto flex">
      <IconButton
        size="sm"
        label="Previous run of the list"
        hint="["
        disabled={previous === null}
        icon={<ChevronUp aria-hidden className="size-4" />}
        onClick={() => previous && onGo(previous)}
      />
      <IconButton
        size="sm"
        label="Next run of the list"
        hint="]"
        disabled={next === null}
        icon={<ChevronDown aria-hidden className="size-4" />}
        onClick={() => next && onGo(next)}
      />
    </span>
  );
}
