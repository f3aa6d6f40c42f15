/** A plain table that scrolls sideways by itself where the screen is narrow. */

import type { ReactNode } from "react";

import { cx } from "../../components/core/cx";

export interface Column {
  title: string;
  isNumber?: boolean;
}

export interface TableRow {
  key: string;
  cells: readonly ReactNode[];
}

export interface HealthTableProps {
  label: string;
  columns: readonly Column[];
  rows: readonly TableRow[];
  /** Least width before it scrolls, a class. */
  minWidth?: string;
}

export function HealthTable({ label, columns, rows, minWidth = "min-w-[40rem]" }: HealthTableProps) {
  return (
    // Reachable by the keyboard, because on a phone the table scrolls sideways.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div role="region" aria-label={label} tabIndex={0} className="relative max-h-96 overflow-auto">
      <table aria-label={label} className={cx("w-full", minWidth)}>
        <thead className="text-xs text-ink-3">
          <tr>
            {columns.map((column) => (
              <th key={column.title} scope="col" className={cx("py-1 pr-4 font-normal whitespace-nowrap first:pl-4", column.isNumber ? "text-right" : "text-left")}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="align-top">
          {rows.map((row) => (
            <tr key={row.key} className="border-t border-line">
              {row.cells.map((cell, index) => {
                const column = columns[index];
                return (
                  <td key={column?.title ?? index} className={cx("py-1.5 pr-4 first:pl-4", column?.isNumber && "text-right tabular-nums")}>
                    {cell}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What to do about it; what is between backticks is code. */
export function Fix({ children: text }: { children: string }) {
  return (
    <p className="text-xs text-ink-2">
      {text.split("`").map((part, index) =>
        // The parts of a sentence have no other key, and never change places.
        // oxlint-disable-next-line react/no-array-index-key
        index % 2 === 1 ? <code key={index} className="font-mono">{part}</code> : part,
      )}
    </p>
  );
}

/** A process by the beginning of its id; whole on hover. */
export function ProcessId({ id }: { id: string }) {
  return (
    <code className="font-mono text-xs whitespace-nowrap" title={id}>
      {id.slice(0, 8)}
    </code>
  );
}

export function serviceName(service: string | null): string {
  return service ?? "no service name";
}

/** One line in the place of an empty table. */
export function AllWell({ children }: { children: ReactNode }) {
  return <p className="px-4 pt-1 pb-2 text-ink-2">{children}</p>;
}
