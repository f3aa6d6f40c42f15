/** One run: its figures, tree and waterfall, and the chosen event beside them. */

import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { X } from "lucide-react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";

import { useFetchedRunLists, useRun } from "../../api/queries";
import type { RunSummary } from "../../api/types";
import { IconButton } from "../../components/core/Button";
import { EventPanel } from "../../components/event/EventPanel";
import { Sums } from "../../components/event/Sums";
import { Failure, Loading, StaleNotice } from "../../components/core/States";
import { buildTrace, type TraceNode } from "../../components/trace/tree";
import { TraceView } from "../../components/trace/TraceView";
import { plural } from "../../lib/numbers";
import { useShortcuts } from "../../lib/use-shortcuts";
import { useUrl } from "../../lib/use-url";
import { neighboursOf } from "./neighbours";
import { RunHeader } from "./RunHeader";

const SEARCH_DELAY_MS = 200;

export function RunPage() {
  const { runId = "" } = useParams({ strict: false });
  // Folds, zoom and what is being typed belong to one run.
  return <OneRun key={runId} runId={runId} />;
}

/** How long a run that has not ended has been running, as far as the clocks of sender and reader agree. */
function elapsedOf(run: RunSummary | undefined, nowMs: number): number {
  return run?.status === "running" && run.start_time ? Math.max(nowMs - Date.parse(run.start_time), 0) : 0;
}

function OneRun({ runId }: { runId: string }) {
  const { search, project, zone, set } = useUrl();
  const answer = useRun(project, runId);
  const nodes = answer.data?.nodes;
  const elapsedMs = elapsedOf(answer.data?.run, answer.dataUpdatedAt);
  const trace = useMemo(() => (nodes ? buildTrace(nodes, elapsedMs) : null), [nodes, elapsedMs]);
  const tree = useRef<HTMLDivElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const [typed, setTyped] = useState(search.q ?? "");

  useEffect(() => {
    const timer = setTimeout(() => {
      if (typed !== (search.q ?? "")) set({ q: typed === "" ? undefined : typed }, { replace: true });
    }, SEARCH_DELAY_MS);
    return () => clearTimeout(timer);
  }, [typed, search.q, set]);

  useEffect(() => {
    document.title = `${answer.data?.run.name ?? "Run"} · LLMObserve`;
  }, [answer.data?.run.name]);

  // Going from event to event leaves one entry in the history: back closes the panel.
  const isOpen = search.event !== undefined;
  const select = useCallback((id: string) => set({ event: id }, { replace: isOpen }), [set, isOpen]);
  const close = useCallback(() => {
    set({ event: undefined, tab: undefined }, { replace: true });
    tree.current?.focus({ preventScroll: true });
  }, [set]);
  const enter = useCallback(() => {
    const within = (selector: string) => panel.current?.querySelector<HTMLElement>(selector);
    (within("[role=tab][data-state=active]") ?? within("button"))?.focus();
  }, []);
  const { previous, next } = neighboursOf(useFetchedRunLists(), runId);
  const navigate = useNavigate();
  const go = useCallback((id: string) => void navigate({ to: "/runs/$runId", params: { runId: id }, search: {}, replace: true }), [navigate]);
  const shortcuts = useMemo(
    () => [
      { keys: "escape", label: "Close the event", group: "Run", run: () => isOpen && close() },
      { keys: "[", label: "Previous run of the list", group: "Run", run: () => previous && go(previous) },
      { keys: "]", label: "Next run of the list", group: "Run", run: () => next && go(next) },
    ],
    [isOpen, close, previous, next, go],
  );
  useShortcuts(shortcuts);

  if (!answer.data || !trace) {
    if (answer.error) {
      const back = (
        <Link to="/runs" className="text-accent-ink underline">
          Back to the runs
        </Link>
      );
      return <Failure doing="Loading this run" error={answer.error} onRetry={() => void answer.refetch()} action={back} />;
    }
    return <Loading label="Loading this run" />;
  }
  const selected = search.event !== undefined && trace.byId.has(search.event) ? search.event : null;
  const item = selected === null ? undefined : trace.byId.get(selected);
  const total = item && (item.node.type === "span" || item.children.length > 0) ? item.total : undefined;
  return (
    <div className="flex h-full min-h-0 flex-1 flex-col">
      <RunHeader detail={answer.data} zone={zone} elapsedMs={elapsedMs} neighbours={{ previous, next }} onGo={go} />
      {answer.error ? (
        <StaleNotice doing="Refreshing this run" error={answer.error} onRetry={() => void answer.refetch()} />
      ) : null}
      {answer.data.truncated ? (
        <output className="block bg-warn-soft px-4 py-1.5 text-xs text-warn">
          This run is very large: the first {plural(answer.data.nodes.length, "node")} are shown, and the sums in the tree count only these. The figures above count all.
        </output>
      ) : null}
      <div className="flex min-h-0 flex-1 flex-col lg:flex-row">
        <section aria-label="Trace" className="flex min-h-72 min-w-0 flex-1 flex-col bg-surface">
          <TraceView trace={trace} selectedId={selected} onSelect={select} search={typed} onSearch={setTyped} scroller={tree} onEnter={enter} />
        </section>
        {selected === null ? null : (
          <div ref={panel} className="fixed inset-0 z-40 flex flex-col bg-surface lg:static lg:z-auto lg:min-h-80 lg:max-w-[30rem] lg:flex-1 lg:border-l lg:border-line xl:max-w-[36rem]">
            {item?.node.synthetic ? (
              <MissingSpan item={item} onClose={close} />
            ) : (
              <EventPanel
                project={project}
                eventId={selected}
                total={total}
                zone={zone}
                tab={search.tab}
                onTab={(tab) => set({ tab }, { replace: true })}
                onClose={close}
              />
            )}
          </div>
        )}
      </div>
    </div>
  );
}

/** In place of an event that has no record of its own. */
function MissingSpan({ item, onClose }: { item: TraceNode; onClose: () => void }) {
  return (
    <aside aria-label="Event" className="flex flex-col gap-3 overflow-y-auto px-4 py-3">
      <header className="flex items-start gap-2">
        <h2 className="line-clamp-3 min-w-0 flex-1 font-semibold break-words">{item.node.name}</h2>
        <IconButton label="Close" hint="Esc" icon={<X aria-hidden className="size-4" />} onClick={onClose} />
      </header>
      <p className="text-ink-2">
        This span was never received. It stands here because calls name it as their parent: its process ended early, or its record is
        still on the way.
      </p>
      <Sums total={item.total} />
    </aside>
  );
}
