/** All runs of the project in the time range, to find the slow, wrong or expensive one. */

import { Columns3, RefreshCw, Rows3, Rows4 } from "lucide-react";
import { useCallback, useMemo, useRef } from "react";

import { ApiError } from "../../api/client";
import { useFields, useRuns } from "../../api/queries";
import type { RunSummary } from "../../api/types";
import { Button, IconButton } from "../../components/core/Button";
import { Menu, MenuCheck, MenuLabel } from "../../components/core/Menu";
import { Empty, Failure, Skeleton, StaleNotice } from "../../components/core/States";
import { cx } from "../../components/core/cx";
import { Facets } from "../../components/filter/Facets";
import { FilterBar } from "../../components/filter/FilterBar";
import { DataTable, type Density } from "../../components/table/DataTable";
import { formatCount, plural } from "../../lib/numbers";
import { formatSort, parseSort } from "../../lib/url-state";
import { useLast } from "../../lib/use-last";
import { useIsNarrow, useMedia } from "../../lib/use-media";
import { useUrl } from "../../lib/use-url";
import { HIDDEN_BY_DEFAULT, hiddenColumns, runColumns } from "./columns";
import { RunPeek } from "./RunPeek";
import { useRunList } from "./use-run-list";

const DEFAULT_SORT = { column: "start", descending: true };
const FACETS = [
  { field: "status", label: "Status" },
  { field: "provider", label: "Provider" },
  { field: "model", label: "Model" },
  { field: "agent", label: "Agent" },
  { field: "customer", label: "Customer" },
  { field: "env", label: "Environment" },
  { field: "cost_state", label: "Cost state" },
] as const;

export function RunsPage() {
  const url = useUrl();
  const { search, project, range, zone, set } = url;
  const q = search.q ?? "";
  const sort = parseSort(search.sort, DEFAULT_SORT);
  const density: Density = search.density === "dense" ? "dense" : "normal";
  const isNarrow = useIsNarrow();
  const hidden = useMemo(() => hiddenColumns(search.cols, isNarrow), [search.cols, isNarrow]);
  const columns = useMemo(() => runColumns(zone), [zone]);
  const fields = useFields({ project, range }).data ?? [];
  const runs = useRuns({ project, range, q: q || undefined }, formatSort(sort));
  const data = useLast(runs.data);
  const rows = useMemo(() => data?.pages.flatMap((page) => page.runs) ?? [], [data]);
  const filterInput = useRef<HTMLInputElement>(null);
  const canPeek = useMedia("(min-width: 1100px)");
  const list = useRunList({ url, rows, filterInput, canPeek });
  const peek = canPeek ? search.peek : undefined;
  const fault = runs.error instanceof ApiError && runs.error.code === "bad_filter" ? runs.error : null;
  const { fetchNextPage, isFetchingNextPage } = runs;
  const onNearEnd = useCallback(() => {
    if (!isFetchingNextPage) void fetchNextPage({ cancelRefetch: false });
  }, [fetchNextPage, isFetchingNextPage]);

  function setFilter(next: string) {
    set({ q: next || undefined });
  }
  return (
    <div className="flex h-full flex-col">
      <div className="flex flex-col gap-2 border-b border-line bg-surface px-4 py-2.5">
        <FilterBar value={q} onChange={setFilter} fields={fields} fault={fault} inputRef={filterInput} />
        <div className="flex items-start justify-between gap-2">
          <Facets value={q} onChange={setFilter} fields={fields} names={FACETS} />
          <div className="flex shrink-0 items-center gap-0.5">
            {data ? <RowCount shown={rows.length} more={runs.hasNextPage} stale={runs.isPlaceholderData} /> : null}
            <IconButton
              size="sm"
              label="Load anew"
              icon={<RefreshCw aria-hidden className={cx("size-3.5", runs.isRefetching && "animate-spin")} />}
              onClick={() => void runs.refetch()}
            />
            <IconButton
              size="sm"
              label={density === "dense" ? "Taller rows" : "Denser rows"}
              icon={density === "dense" ? <Rows3 aria-hidden className="size-3.5" /> : <Rows4 aria-hidden className="size-3.5" />}
              onClick={() => set({ density: density === "dense" ? undefined : "dense" }, { replace: true })}
            />
            <ColumnChooser columns={columns} hidden={hidden} onChange={(ids) => set({ cols: ids }, { replace: true })} />
          </div>
        </div>
        {runs.error && !fault && data ? (
          <StaleNotice doing="Loading the runs" error={runs.error} onRetry={() => void runs.refetch()} />
        ) : null}
      </div>
      {runs.isPending && !data ? <RowSkeletons /> : null}
      {runs.error && !fault && !data ? (
        <Failure doing="Loading the runs" error={runs.error} onRetry={() => void runs.refetch()} />
      ) : null}
      {fault && !data ? (
        <Empty title="This filter cannot be read" action={<Button onClick={() => setFilter("")}>Clear the filter</Button>}>
          The place and the reason are marked above.
        </Empty>
      ) : null}
      {data && rows.length === 0 && !fault ? <NoRuns filtered={q !== ""} onClear={() => setFilter("")} /> : null}
      {rows.length > 0 ? (
        <div className={cx("flex min-h-0 flex-1 transition-opacity", (runs.isPlaceholderData || fault) && "opacity-60")}>
          <DataTable
            label="Runs"
            columns={columns}
            rows={rows}
            rowId={runId}
            hidden={hidden}
            density={density}
            sort={sort}
            onSort={(next) => set({ sort: formatSort(next) === formatSort(DEFAULT_SORT) ? undefined : formatSort(next) })}
            active={list.active}
            onActivate={list.choose}
            onOpen={list.pick}
            hasMore={runs.hasNextPage}
            onNearEnd={onNearEnd}
            footer={runs.hasNextPage ? <p className="p-3 text-center text-xs text-ink-3">Loading more…</p> : null}
          />
          {peek === undefined ? null : (
            <RunPeek
              runId={peek}
              row={rows.find((run) => run.run_id === peek)}
              project={project}
              zone={zone}
              onClose={list.closePeek}
            />
          )}
        </div>
      ) : null}
    </div>
  );
}

function runId(run: RunSummary): string {
  return run.run_id;
}

function RowCount({ shown, more, stale }: { shown: number; more: boolean; stale: boolean }) {
  return (
    <output className={cx("hidden px-2 text-xs whitespace-nowrap text-ink-3 sm:block", stale && "opacity-50")}>
      {more ? `${formatCount(shown)}+ runs` : plural(shown, "run")}
    </output>
  );
}

interface ColumnChooserProps {
  columns: ReturnType<typeof runColumns>;
  hidden: ReadonlySet<string>;
  onChange: (hiddenIds: string | undefined) => void;
}

function ColumnChooser({ columns, hidden, onChange }: ColumnChooserProps) {
  function toggle(id: string, shown: boolean) {
    const next = columns.map((column) => column.id).filter((one) => (one === id ? !shown : hidden.has(one)));
    onChange(next.join() === HIDDEN_BY_DEFAULT.join() ? undefined : next.join() || "none");
  }
  return (
    <Menu
      align="end"
      trigger={
        <Button size="sm" variant="ghost" square aria-label="Columns" title="Columns">
          <Columns3 aria-hidden className="size-3.5" />
        </Button>
      }
    >
      <MenuLabel>Columns</MenuLabel>
      {columns.map((column) => (
        <MenuCheck
          key={column.id}
          checked={!hidden.has(column.id)}
          disabled={column.id === "name"}
          onChange={(shown) => toggle(column.id, shown)}
        >
          {column.header}
        </MenuCheck>
      ))}
    </Menu>
  );
}

function NoRuns({ filtered, onClear }: { filtered: boolean; onClear: () => void }) {
  if (filtered) {
    return (
      <Empty title="No run matches this filter" action={<Button onClick={onClear}>Clear the filter</Button>}>
        Widen the filter or the time range above.
      </Empty>
    );
  }
  return <Empty title="No runs in this time range">Choose a longer time range above.</Empty>;
}

function RowSkeletons() {
  return (
    <div aria-busy="true" aria-label="Loading the runs" className="flex flex-col gap-2 p-4">
      {Array.from({ length: 14 }, (_, index) => (
        <Skeleton key={index} className="h-6" />
      ))}
    </div>
  );
}
