/** A table of any length: only what is in sight is drawn; further pages are asked for near the end. */

import {
  type ColumnDef,
  columnVisibilityFeature,
  type Row,
  tableFeatures,
  useTable,
} from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp } from "lucide-react";
import { type ReactNode, useEffect, useMemo, useRef } from "react";

import type { Sort } from "../../lib/url-state";
import { cx } from "../core/cx";

const features = tableFeatures({ columnVisibilityFeature });

export interface DataColumn<T> {
  id: string;
  header: string;
  /** CSS grid track, as `minmax(160px, 2fr)` or `90px`. */
  width: string;
  align?: "left" | "right";
  /** Name of the sort order in the API; without one the column cannot be sorted by. */
  sortBy?: string;
  cell: (row: T) => ReactNode;
}

export type Density = "normal" | "dense";

export interface DataTableProps<T> {
  label: string;
  columns: readonly DataColumn<T>[];
  rows: readonly T[];
  rowId: (row: T) => string;
  hidden: ReadonlySet<string>;
  density: Density;
  sort: Sort;
  onSort: (sort: Sort) => void;
  /** Index of the row that the keyboard is at; -1 for none. */
  active: number;
  onActivate: (index: number) => void;
  onOpen: (row: T) => void;
  hasMore: boolean;
  onNearEnd: () => void;
  /** Shown behind the last row. */
  footer?: ReactNode;
}

const ROW_PX: Record<Density, number> = { normal: 38, dense: 28 };
const AHEAD_ROWS = 30;
const MIN_TRACK_PX = 60;
const GAP_PX = 12;
const SIDE_PX = 16;

export function DataTable<T extends object>(props: DataTableProps<T>) {
  const { columns, rows, rowId, hidden, density, active, hasMore, onNearEnd } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const definitions = useMemo<ColumnDef<typeof features, T>[]>(
    () => columns.map((column) => ({ id: column.id, header: column.header, cell: ({ row }) => column.cell(row.original) })),
    [columns],
  );
  const columnVisibility = useMemo(() => Object.fromEntries([...hidden].map((id) => [id, false])), [hidden]);
  const table = useTable({
    features,
    columns: definitions,
    data: rows,
    getRowId: rowId,
    state: { columnVisibility },
  });
  const tableRows = table.getRowModel().rows;
  const virtual = useVirtualizer({
    count: tableRows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX[density],
    overscan: 12,
  });
  useEffect(() => virtual.measure(), [virtual, density]);
  useEffect(() => {
    if (active >= 0) virtual.scrollToIndex(active, { align: "auto" });
  }, [virtual, active]);
  const items = virtual.getVirtualItems();
  const lastShown = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && lastShown >= rows.length - AHEAD_ROWS) onNearEnd();
  }, [hasMore, lastShown, rows.length, onNearEnd]);

  const shown = columns.filter((column) => !hidden.has(column.id));
  const tracks = shown.map((column) => column.width).join(" ");
  const minWidth = shown.reduce((sum, column) => sum + trackMinimum(column.width) + GAP_PX, 2 * SIDE_PX);
  return (
    <div ref={scroller} data-scroll-restoration-id={props.label} className="min-h-0 min-w-0 flex-1 overflow-auto bg-surface">
      <div role="table" aria-label={props.label} aria-rowcount={hasMore ? -1 : rows.length + 1} style={{ minWidth }}>
        <HeaderRow columns={shown} tracks={tracks} sort={props.sort} onSort={props.onSort} />
        <div role="rowgroup" className="relative" style={{ height: virtual.getTotalSize() }}>
          {items.map((item) => {
            const row = tableRows[item.index];
            return row ? (
              <BodyRow
                key={row.id}
                row={row}
                columns={columns}
                tracks={tracks}
                index={item.index}
                top={item.start}
                height={ROW_PX[density]}
                isActive={item.index === active}
                onActivate={props.onActivate}
                onOpen={props.onOpen}
              />
            ) : null;
          })}
        </div>
      </div>
      {props.footer}
    </div>
  );
}

function trackMinimum(track: string): number {
  return Number(/(\d+)px/.exec(track)?.[1] ?? MIN_TRACK_PX);
}

interface HeaderRowProps<T> {
  columns: readonly DataColumn<T>[];
  tracks: string;
  sort: Sort;
  onSort: (sort: Sort) => void;
}

function HeaderRow<T>({ columns, tracks, sort, onSort }: HeaderRowProps<T>) {
  return (
    <div role="rowgroup" className="sticky top-0 z-10 border-b border-line bg-canvas">
      <div role="row" className="grid h-8 items-center gap-3 px-4 text-xs text-ink-3" style={{ gridTemplateColumns: tracks }}>
        {columns.map((column) => (
          <HeaderCell key={column.id} column={column} sort={sort} onSort={onSort} />
        ))}
      </div>
    </div>
  );
}

function HeaderCell<T>({ column, sort, onSort }: { column: DataColumn<T>; sort: Sort; onSort: (sort: Sort) => void }) {
  const { sortBy } = column;
  const isSorted = sortBy !== undefined && sortBy === sort.column;
  const order = !isSorted ? "none" : sort.descending ? "descending" : "ascending";
  const Arrow = sort.descending ? ArrowDown : ArrowUp;
  return (
    <div
      role="columnheader"
      aria-sort={sortBy === undefined ? undefined : order}
      className={cx("min-w-0 truncate", column.align === "right" && "text-right")}
    >
      {sortBy === undefined ? (
        column.header
      ) : (
        <button
          type="button"
          className={cx(
            "inline-flex max-w-full items-center gap-1 rounded-sm hover:text-ink",
            column.align === "right" && "flex-row-reverse",
            isSorted && "font-medium text-ink",
          )}
          onClick={() => onSort({ column: sortBy, descending: isSorted ? !sort.descending : true })}
        >
          <span className="truncate">{column.header}</span>
          {isSorted ? <Arrow aria-hidden className="size-3 shrink-0" /> : null}
        </button>
      )}
    </div>
  );
}

interface BodyRowProps<T extends object> {
  row: Row<typeof features, T>;
  columns: readonly DataColumn<T>[];
  tracks: string;
  index: number;
  top: number;
  height: number;
  isActive: boolean;
  onActivate: (index: number) => void;
  onOpen: (row: T) => void;
}

function BodyRow<T extends object>({ row, columns, tracks, index, top, height, isActive, onActivate, onOpen }: BodyRowProps<T>) {
  return (
    // The keyboard's way is the link in the first cell, and j, k and enter on the page.
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
    <div
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isActive}
      className={cx(
        "absolute inset-x-0 grid cursor-default items-center gap-3 border-b border-line px-4 hover:bg-hover",
        isActive && "bg-selected shadow-[inset_2px_0_0_var(--accent)]",
      )}
      style={{ gridTemplateColumns: tracks, height, transform: `translateY(${top}px)` }}
      onClick={(event) => {
        onActivate(index);
        const onControl = event.target instanceof Element && event.target.closest("a, button") !== null;
        if (!onControl && window.getSelection()?.isCollapsed !== false) onOpen(row.original);
      }}
    >
      {row.getVisibleCells().map((cell) => {
        const column = columns.find((one) => one.id === cell.column.id);
        return (
          <div key={cell.id} role="cell" className={cx("min-w-0 truncate", column?.align === "right" && "text-right")}>
            {column?.cell(row.original)}
          </div>
        );
      })}
    </div>
  );
}
