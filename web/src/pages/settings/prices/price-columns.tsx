/** The columns of the price book. */

import { ExternalLink } from "lucide-react";
import type { ReactNode } from "react";

import type { PriceRow } from "../../../api/types";
import { Badge } from "../../../components/core/Badge";
import type { DataColumn } from "../../../components/table/DataTable";
import { formatUsdExact } from "../../../lib/money";
import { formatCount } from "../../../lib/numbers";

export const PRICE_COLUMNS: readonly DataColumn<PriceRow>[] = [
  { id: "model", header: "Model", width: "minmax(230px, 2fr)", cell: (row) => <Model row={row} /> },
  { id: "unit", header: "Unit", width: "minmax(190px, 1fr)", cell: (row) => <Unit row={row} /> },
  { id: "rate", header: "Price", width: "minmax(150px, 1fr)", align: "right", cell: (row) => <Rate row={row} /> },
  { id: "conditions", header: "Conditions", width: "minmax(220px, 2fr)", cell: (row) => <Conditions row={row} /> },
  { id: "valid", header: "Valid", width: "minmax(130px, 1fr)", cell: (row) => <Validity row={row} /> },
  { id: "source", header: "Source", width: "70px", cell: (row) => <Source row={row} /> },
];

function Model({ row }: { row: PriceRow }) {
  return (
    <span title={`${row.provider} ${row.model}`}>
      <span className="font-medium">{row.model}</span> <span className="text-xs text-ink-3">{row.provider}</span>
    </span>
  );
}

function Unit({ row }: { row: PriceRow }) {
  return <span title={row.unit_label ?? undefined}>{row.unit_label ?? <span className="text-ink-3">—</span>}</span>;
}

function perText(per: number): string {
  if (per === 1) return "each";
  return per === 1_000_000 ? "per million" : `per ${formatCount(per)}`;
}

function Rate({ row }: { row: PriceRow }) {
  if (row.rate_usd === null || row.per === null) return <Badge>{row.state === "free" ? "free" : "no price"}</Badge>;
  return (
    <span className="tabular-nums" title={`Row ${row.price_id}`}>
      {row.estimated ? <span title="An approximation of how the provider bills">~</span> : null}
      {formatUsdExact(row.rate_usd)} <span className="text-xs text-ink-3">{perText(row.per)}</span>
    </span>
  );
}

/** What has to be so for the rate to hold, and what else counts when it does. */
export function conditionTexts(row: PriceRow): string[] {
  const texts = Object.entries(row.dimensions).map(([name, value]) =>
    value === "true" ? name.replaceAll("_", " ") : `${name.replaceAll("_", " ")} ${value}`,
  );
  if (row.above_input_tokens !== null) texts.push(`above ${formatCount(row.above_input_tokens)} input tokens`);
  if (row.hours !== null) texts.push(row.hours);
  if (row.least_quantity !== null) texts.push(`at least ${row.least_quantity}`);
  if (row.step !== null) texts.push(`in steps of ${row.step}`);
  return texts;
}

function Conditions({ row }: { row: PriceRow }) {
  const texts = conditionTexts(row);
  const shown: ReactNode = texts.length > 0 ? texts.join(", ") : row.state === "priced" ? "list price" : row.rule;
  return (
    <span className={texts.length > 0 ? undefined : "text-ink-3"} title={row.rule}>
      {shown}
    </span>
  );
}

/** Days in UTC; some prices change within a day, and the exact time is shown on hover. */
function Validity({ row }: { row: PriceRow }) {
  const from = row.valid_from?.slice(0, 10);
  const to = row.valid_to?.slice(0, 10);
  const text = from && to ? `${from} – ${to}` : from ? `from ${from}` : to ? `until ${to}` : "";
  const exact = [row.valid_from ? `from ${row.valid_from}` : "", row.valid_to ? `before ${row.valid_to}` : ""];
  return (
    <span className="text-xs whitespace-nowrap text-ink-2 tabular-nums" title={exact.filter(Boolean).join(", ") || undefined}>
      {text || <span className="text-ink-3">until changed</span>}
    </span>
  );
}

function Source({ row }: { row: PriceRow }) {
  if (row.source === null) return null;
  if (!row.source.startsWith("https://")) return <span title={row.source}>{row.source}</span>;
  return (
    <a
      href={row.source}
      target="_blank"
      rel="noopener noreferrer"
      title={row.source}
      className="inline-flex items-center gap-0.5 text-accent-ink hover:underline"
    >
      page <ExternalLink aria-hidden className="size-3" />
      <span className="sr-only">with the price of {row.model}</span>
    </a>
  );
}
