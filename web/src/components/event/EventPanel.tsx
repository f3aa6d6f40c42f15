/** Everything of one event: messages, usage and receipt, facts, raw usage. */

import { X } from "lucide-react";

import { useEvent } from "../../api/queries";
import type { ContentBody, EventDetail } from "../../api/types";
import { formatUsd, formatUsdExact } from "../../lib/money";
import { formatCount } from "../../lib/numbers";
import { formatDuration, formatDurationExact, formatInstantExact } from "../../lib/time";
import { IconButton } from "../core/Button";
import { Failure, Loading } from "../core/States";
import { Tabs } from "../core/Tabs";
import { StatusBadge } from "../run/StatusBadge";
import { KindIcon, kindStyle } from "../trace/kinds";
import { costText } from "../trace/rollup";
import type { Rollup } from "../trace/tree";
import { Attributes } from "./Attributes";
import { CostBadge } from "./CostBadge";
import { CostHistory } from "./CostHistory";
import { Facts } from "./Facts";
import { Messages } from "./Messages";
import { Receipt } from "./Receipt";
import { Said } from "./Said";
import { ScoreBadges } from "./Scores";
import { Sums } from "./Sums";
import { CountedElsewhere, Twins } from "./Twins";
import { unitText, Usage } from "./Usage";

export interface EventPanelProps {
  project: string;
  eventId: string;
  /** The event with all below it; `undefined` where nothing is below it. */
  total: Rollup | undefined;
  zone: string;
  tab: string | undefined;
  onTab: (tab: string) => void;
  onClose: () => void;
}

export function EventPanel({ project, eventId, total, zone, tab, onTab, onClose }: EventPanelProps) {
  const answer = useEvent(project, eventId);
  return (
    <aside aria-label="Event" className="flex min-h-0 flex-1 flex-col bg-surface">
      {answer.data ? (
        <Detail event={answer.data} total={total} zone={zone} tab={tab} onTab={onTab} onClose={onClose} />
      ) : answer.error ? (
        <Failure doing="Loading this event" error={answer.error} onRetry={() => void answer.refetch()} />
      ) : (
        <Loading label="Loading this event" />
      )}
    </aside>
  );
}

interface DetailProps extends Pick<EventPanelProps, "total" | "zone" | "tab" | "onTab" | "onClose"> {
  event: EventDetail;
}

function Detail({ event, total, zone, tab, onTab, onClose }: DetailProps) {
  const { row } = event;
  const call = row.type === "call";
  const tabs = [
    event.content ? { value: "messages", label: "Messages", content: <Exchange content={event.content} borrowed={event.content_event_id !== null} /> } : null,
    call ? { value: "cost", label: "Usage & cost", content: <UsageAndCost event={event} zone={zone} /> } : null,
    event.scores.length > 0 || event.facts.length > 0
      ? { value: "said", label: "Scores & facts", content: <Said event={event} zone={zone} /> }
      : null,
    { value: "details", label: "Details", content: <Details event={event} total={total} zone={zone} /> },
    event.usage_raw === null && Object.keys(event.attributes).length === 0
      ? null
      : { value: "raw", label: "Raw", content: <Raw event={event} /> },
  ].filter((item) => item !== null);
  const chosen = tabs.some((item) => item.value === tab) ? tab : call ? "cost" : "details";
  return (
    <>
      <header className="flex items-start gap-2 border-b border-line px-4 py-3">
        <span className="mt-0.5">
          <KindIcon kind={row.kind} className="size-4" />
        </span>
        <div className="min-w-0 flex-1">
          <h2 className="line-clamp-3 font-semibold break-words" title={row.name}>
            {row.name}
          </h2>
          <p className="line-clamp-3 text-xs text-ink-2">
            {kindStyle(row.kind).label}
            {[row.model, row.provider].map((part) => (part ? <bdi key={part}> · {part}</bdi> : null))}
          </p>
          <div className="mt-2 flex flex-wrap items-center gap-1.5">
            <StatusBadge status={row.status} />
            {call ? (
              <span className="font-semibold" title={formatUsdExact(row.cost_usd)}>
                {formatUsd(row.cost_usd)}
              </span>
            ) : null}
            {call ? <CostBadge state={row.cost_state} /> : null}
            {row.merged_into === null ? null : <CountedElsewhere />}
            {!call && total && total.calls > 0 ? (
              <span className="font-semibold" title={costText(total).title}>
                {costText(total).text}
              </span>
            ) : null}
            <span className="text-ink-2" title={formatDurationExact(row.duration_ms)}>
              {formatDuration(row.duration_ms)}
            </span>
          </div>
          <ScoreBadges scores={event.scores} className="mt-1.5" />
        </div>
        <IconButton label="Close" hint="Esc" icon={<X aria-hidden className="size-4" />} onClick={onClose} />
      </header>
      {event.error_message || row.error_type ? (
        <p
          // Long messages scroll, so that what is below stays in reach.
          // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
          tabIndex={0}
          className="max-h-40 shrink-0 overflow-y-auto border-b border-line bg-bad-soft px-4 py-2 text-bad outline-offset-[-2px]"
        >
          <span className="font-medium">{row.error_type ?? "Error"}</span>
          {event.error_message ? <span className="whitespace-pre-wrap">: {event.error_message}</span> : null}
        </p>
      ) : null}
      <Tabs scrolls label="Parts of this event" className="flex-1 px-4 pt-1" value={chosen ?? "details"} onChange={onTab} tabs={tabs} />
    </>
  );
}

function Exchange({ content, borrowed }: { content: ContentBody; borrowed: boolean }) {
  return (
    <>
      {borrowed ? <p className="mb-2 text-xs text-ink-3">As another record of this call has it.</p> : null}
      <Messages content={content} />
    </>
  );
}

function UsageAndCost({ event, zone }: Pick<DetailProps, "event" | "zone">) {
  return (
    <div className="flex flex-col gap-5">
      <Receipt event={event} />
      <Twins event={event} zone={zone} />
      <CostHistory versions={event.cost_history} zone={zone} />
      <Usage event={event} />
      <Facts facts={Object.entries(event.dimensions).map(([label, value]) => ({ label: unitText(label), value }))} />
    </div>
  );
}

/** With the exact figure where the short one has lost digits that matter. */
function durationText(ms: number | null): string {
  return ms !== null && ms >= 1_000 ? `${formatDuration(ms)} (${formatDurationExact(ms)})` : formatDurationExact(ms);
}

function Details({ event, total, zone }: Pick<DetailProps, "event" | "total" | "zone">) {
  const { row } = event;
  return (
    <div className="flex flex-col gap-4">
      {total ? <Sums total={total} own={row.type === "call" ? row.cost_usd : undefined} /> : null}
      <Attributes attributes={event.attributes} />
      <Facts
        facts={[
          { label: "Started", value: formatInstantExact(row.start_time, zone) },
          { label: "Duration", value: durationText(row.duration_ms) },
          { label: "First token", value: row.time_to_first_token_ms === null ? null : formatDurationExact(row.time_to_first_token_ms) },
          { label: "Operation", value: row.operation },
          { label: "Model asked for", value: event.request_model },
          { label: "Model served", value: event.response_model },
          { label: "HTTP status", value: row.http_status },
          { label: "Attempt", value: event.attempt > 0 ? `retry ${event.attempt}` : null },
          { label: "Streamed", value: row.stream ? "yes" : null },
          { label: "Section", value: row.section_path },
          { label: "Customer", value: row.customer_id },
          { label: "User", value: row.user_id },
          { label: "Session", value: row.session_id },
          { label: "Environment", value: row.environment },
          { label: "Service", value: row.service },
          { label: "Tags", value: row.tags.join(", ") },
          ...Object.entries(event.metadata).map(([label, value]) => ({ label, value })),
        ]}
      />
      <Facts
        facts={[
          { label: "Event id", value: row.event_id, copy: row.event_id },
          { label: "Response id", value: event.response_id, copy: event.response_id },
          { label: "Request id", value: event.request_id, copy: event.request_id },
          { label: "Trace id", value: event.trace_id, copy: event.trace_id },
          { label: "Span id", value: event.span_id, copy: event.span_id },
          { label: "Host", value: event.host },
          { label: "Transport", value: event.transport },
          { label: "SDK", value: event.sdk ? `${event.sdk} ${event.sdk_version ?? ""}` : null },
          { label: "Received", value: formatInstantExact(event.received_at, zone) },
          { label: "Clock difference", value: event.clock_skew_ms === null ? null : `${formatCount(Math.round(event.clock_skew_ms))} ms` },
          { label: "Notes", value: event.notes.join("; ") },
        ]}
      />
    </div>
  );
}

function Raw({ event }: { event: EventDetail }) {
  const parts = [
    { title: "Usage as the provider sent it", value: event.usage_raw },
    { title: "Attributes", value: Object.keys(event.attributes).length > 0 ? event.attributes : null },
  ];
  return (
    <div className="flex flex-col gap-4">
      {parts.map((part) =>
        part.value === null || part.value === undefined ? null : (
          <section key={part.title}>
            <h3 className="mb-1 text-xs font-semibold">{part.title}</h3>
            <pre className="overflow-auto rounded-md border border-line bg-sunken p-3 font-mono text-xs whitespace-pre-wrap">
              {JSON.stringify(part.value, null, 2)}
            </pre>
          </section>
        ),
      )}
    </div>
  );
}
