/** Tree and waterfall of a run on one selection: virtual rows on the left, bars on a canvas on the right. */

import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronsDownUp, ChevronsUpDown, ZoomIn, ZoomOut } from "lucide-react";
import { type KeyboardEvent, type MouseEvent, type RefObject, useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "react";

import { plural } from "../../lib/numbers";
import { useShortcuts } from "../../lib/use-shortcuts";
import { Button, IconButton } from "../core/Button";
import { Input } from "../core/Field";
import { Empty } from "../core/States";
import { Legend } from "./Legend";
import { panBy, tickLabel, type TimeSpan, timeTicks, timeToX, zoomAt } from "./timeline";
import { ROW_HEIGHT_PX, TraceRow } from "./TraceRow";
import { matchesText, type Trace, type TraceNode, visibleRows } from "./tree";
import { TICK_SPACING_PX, Waterfall } from "./Waterfall";

export interface TraceViewProps {
  trace: Trace;
  selectedId: string | null;
  onSelect: (id: string) => void;
  search: string;
  onSearch: (text: string) => void;
  /** The tree itself, to bring the focus back to it. */
  scroller: RefObject<HTMLDivElement | null>;
  /** Enter: go on to what is shown of the selected node. */
  onEnter: () => void;
}

const OVERSCAN_ROWS = 12;
const NARROW_PX = 560;
/** Below this the names would have no room beside the tokens. */
const COMPACT_PX = 460;
const MIN_TREE_PX = 400;
const MAX_TREE_PX = 720;
const WHEEL_ZOOM = 1.0015;

/** Width and height of an element, kept up to date. */
function useSize(element: HTMLElement | null): { width: number; height: number } {
  const [size, setSize] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    if (!element) return undefined;
    const read = () => setSize({ width: element.clientWidth, height: element.clientHeight });
    read();
    const observer = new ResizeObserver(read);
    observer.observe(element);
    return () => observer.disconnect();
  }, [element]);
  return size;
}

function boundsOf(trace: Trace): TimeSpan {
  const length = Math.max(trace.end_ms - trace.start_ms, 1);
  return { from_ms: trace.start_ms - length * 0.005, to_ms: trace.start_ms + length * 1.02 };
}

export function TraceView({ trace, selectedId, onSelect, search, onSearch, scroller, onEnter }: TraceViewProps) {
  const treeId = useId();
  const searchInput = useRef<HTMLInputElement>(null);
  const [box, setBox] = useState<HTMLDivElement | null>(null);
  const size = useSize(box);
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const [zoom, setZoom] = useState<TimeSpan | null>(null);

  const rows = useMemo(() => visibleRows(trace, folded, search), [trace, folded, search]);
  const indexOf = useMemo(() => new Map(rows.map((item, index) => [item.node.event_id, index])), [rows]);
  const bounds = useMemo(() => boundsOf(trace), [trace]);
  const time = zoom ?? bounds;
  const narrow = size.width < NARROW_PX;
  const treeWidth = narrow ? size.width : Math.round(Math.min(Math.max(size.width * 0.54, MIN_TREE_PX), MAX_TREE_PX));
  const compact = treeWidth < COMPACT_PX;
  const timeWidth = Math.max(size.width - treeWidth, 0);

  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT_PX,
    overscan: OVERSCAN_ROWS,
  });

  const toggle = useCallback((id: string) => {
    setFolded((before) => {
      const next = new Set(before);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  }, []);

  const selectedIndex = selectedId === null ? -1 : (indexOf.get(selectedId) ?? -1);
  useEffect(() => {
    if (selectedIndex >= 0) virtual.scrollToIndex(selectedIndex, { align: "auto" });
  }, [selectedIndex, virtual]);

  useEffect(() => {
    const element = scroller.current;
    if (!element || narrow) return undefined;
    const onWheel = (event: WheelEvent) => {
      const x = event.clientX - element.getBoundingClientRect().left - treeWidth;
      if (x < 0) return;
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        setZoom((now) => zoomAt(now ?? bounds, bounds, x, timeWidth, WHEEL_ZOOM ** event.deltaY));
      } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        event.preventDefault();
        setZoom((now) => panBy(now ?? bounds, bounds, event.deltaX || event.deltaY, timeWidth));
      }
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, [bounds, narrow, scroller, timeWidth, treeWidth]);

  function selectAt(index: number) {
    const item = rows[Math.min(Math.max(index, 0), rows.length - 1)];
    if (item) onSelect(item.node.event_id);
  }

  const shortcuts = useMemo(() => {
    const go = (index: number) => {
      const item = rows[Math.min(Math.max(index, 0), rows.length - 1)];
      if (!item) return;
      onSelect(item.node.event_id);
      scroller.current?.focus({ preventScroll: true });
    };
    return [
      { keys: "j", label: "Next node (↓ in the tree)", run: () => go(selectedIndex + 1) },
      { keys: "k", label: "Previous node (↑ in the tree)", run: () => go(selectedIndex - 1) },
      { keys: "/", label: "Search in this run", run: () => searchInput.current?.focus() },
      { keys: "enter", label: "From the tree to the event (← → fold and unfold)", run: onEnter },
    ].map((shortcut) => ({ ...shortcut, group: "Run" }));
  }, [rows, selectedIndex, onSelect, onEnter, scroller]);
  useShortcuts(shortcuts);

  function onKeyDown(event: KeyboardEvent) {
    const item: TraceNode | undefined = rows[selectedIndex];
    const moves: Record<string, () => void> = {
      ArrowDown: () => selectAt(selectedIndex + 1),
      ArrowUp: () => selectAt(selectedIndex - 1),
      Enter: () => (item ? onEnter() : selectAt(0)),
      Home: () => selectAt(0),
      End: () => selectAt(rows.length - 1),
      PageDown: () => selectAt(selectedIndex + 20),
      PageUp: () => selectAt(selectedIndex - 20),
      ArrowLeft: () => {
        if (!item) return;
        if (item.children.length > 0 && !folded.has(item.node.event_id)) toggle(item.node.event_id);
        else if (item.parent) onSelect(item.parent.node.event_id);
      },
      ArrowRight: () => {
        if (!item) return;
        if (folded.has(item.node.event_id)) toggle(item.node.event_id);
        else if (item.children[0]) onSelect(item.children[0].node.event_id);
      },
    };
    const move = event.ctrlKey || event.metaKey || event.altKey ? undefined : moves[event.key];
    if (!move) return;
    event.preventDefault();
    move();
  }

  /** One handler for all rows: they come and go while scrolling. */
  function onClick(event: MouseEvent) {
    const target = event.target instanceof Element ? event.target : null;
    const id = target?.closest<HTMLElement>("[data-event-id]")?.dataset["eventId"];
    if (id === undefined) return;
    if (target?.closest("[data-fold]")) toggle(id);
    else onSelect(id);
  }

  const hits = useMemo(() => (search.trim() === "" ? 0 : rows.filter((item) => matchesText(item, search)).length), [rows, search]);
  const parents = useMemo(() => trace.order.filter((item) => item.children.length > 0 && item.depth > 0), [trace]);
  const middle = timeWidth / 2;
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <div className="flex flex-wrap items-center gap-1 border-b border-line px-2 py-1.5">
        <Input
          ref={searchInput}
          type="search"
          aria-label="Search in this run"
          placeholder="Search name, model, error"
          className="h-7 max-w-64 flex-1 text-xs"
          value={search}
          onChange={(event) => onSearch(event.target.value)}
        />
        <span className="px-1 text-xs text-ink-3" aria-live="polite">
          {search.trim() === "" ? plural(trace.order.length, "node") : `${plural(hits, "match", "matches")} with the way to ${hits === 1 ? "it" : "them"}`}
        </span>
        <span className="flex-1" />
        <IconButton
          size="sm"
          label="Fold all"
          icon={<ChevronsDownUp aria-hidden className="size-3.5" />}
          onClick={() => setFolded(new Set(parents.map((item) => item.node.event_id)))}
        />
        <IconButton
          size="sm"
          label="Unfold all"
          icon={<ChevronsUpDown aria-hidden className="size-3.5" />}
          onClick={() => setFolded(new Set())}
        />
        {narrow ? null : (
          <>
            <Legend trace={trace} />
            <IconButton
              size="sm"
              label="Zoom in (Ctrl + wheel)"
              icon={<ZoomIn aria-hidden className="size-3.5" />}
              onClick={() => setZoom(zoomAt(time, bounds, middle, timeWidth, 0.5))}
            />
            <IconButton
              size="sm"
              label="Zoom out"
              icon={<ZoomOut aria-hidden className="size-3.5" />}
              onClick={() => setZoom(zoomAt(time, bounds, middle, timeWidth, 2))}
            />
            <Button size="sm" variant="ghost" disabled={zoom === null} onClick={() => setZoom(null)}>
              All
            </Button>
          </>
        )}
      </div>
      <TraceHeader compact={compact} treeWidth={treeWidth} timeWidth={narrow ? 0 : timeWidth} time={time} />
      <div
        ref={(element) => {
          scroller.current = element;
          setBox(element);
        }}
        role="tree"
        aria-label="Spans and calls of this run"
        aria-activedescendant={selectedIndex >= 0 ? `${treeId}-${selectedIndex}` : undefined}
        tabIndex={0}
        className="relative min-h-0 flex-1 overflow-x-hidden overflow-y-auto outline-offset-[-2px]"
        onClick={onClick}
        onKeyDown={onKeyDown}
      >
        {rows.length === 0 ? <Empty title="Nothing in this run matches">Clear the search to see all of it.</Empty> : null}
        <div role="presentation" className="relative" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((entry) => {
            const item = rows[entry.index];
            if (!item) return null;
            return (
              <TraceRow
                key={item.node.event_id}
                rowId={`${treeId}-${entry.index}`}
                item={item}
                top={entry.start}
                treeWidth={treeWidth}
                compact={compact}
                selected={entry.index === selectedIndex}
                folded={folded.has(item.node.event_id)}
                hit={matchesText(item, search)}
              />
            );
          })}
          {narrow ? null : (
            <div role="presentation" className="pointer-events-none sticky top-0 z-10 h-0" style={{ marginLeft: treeWidth }}>
              <Waterfall scroller={scroller} rows={rows} rowHeight={ROW_HEIGHT_PX} width={timeWidth} height={size.height} time={time} />
            </div>
          )}
        </div>
      </div>
    </div>
  );
}

interface TraceHeaderProps {
  compact: boolean;
  treeWidth: number;
  timeWidth: number;
  time: TimeSpan;
}

/** Column names and the time axis. */
function TraceHeader({ compact, treeWidth, timeWidth, time }: TraceHeaderProps) {
  const ticks = timeWidth > 0 ? timeTicks(time, timeWidth / TICK_SPACING_PX) : [];
  return (
    <div aria-hidden className="flex h-6 items-center overflow-hidden border-b border-line bg-sunken text-2xs text-ink-3">
      <div className="flex shrink-0 items-center gap-1.5 pr-2" style={{ width: treeWidth }}>
        <span className="flex-1 pl-3">Name</span>
        {compact ? null : <span className="w-14 text-right">Tokens</span>}
        <span className="w-22 text-right">Cost</span>
        <span className="w-14 text-right">Duration</span>
      </div>
      <div className="relative h-full flex-1">
        {ticks.map((tick) => (
          <span key={tick} className="absolute top-1 pl-1 whitespace-nowrap" style={{ left: timeToX(tick, time, timeWidth) }}>
            {tickLabel(tick)}
          </span>
        ))}
      </div>
    </div>
  );
}
