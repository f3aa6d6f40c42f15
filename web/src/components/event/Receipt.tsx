/** The receipt of a call: each unit, its rate, the rule that chose the rate, and the exact sum. */

import { ExternalLink } from "lucide-react";

import type { CostLine, EventDetail } from "../../api/types";
import { formatUsdExact } from "../../lib/money";
import { formatCount } from "../../lib/numbers";
import { CostBadge } from "./CostBadge";

/** `1,500` for whole numbers, else the digits as they are. */
export function quantityText(quantity: string): string {
  return /^\d{1,15}$/.test(quantity) ? formatCount(Number(quantity)) : quantity;
}

function perText(per: number): string {
  if (per === 1) return "each";
  if (per === 1_000_000) return "per million";
  return `per ${formatCount(per)}`;
}

/** A price page opens only where it is a web address. */
function isWebAddress(source: string | null): source is string {
  return source !== null && source.startsWith("https://");
}

function Line({ line }: { line: CostLine }) {
  return (
    <tr className="border-b border-line align-top">
      <td className="py-1.5 pr-3">
        <div>{line.unit_label}</div>
        <div className="text-ink-3">
          {line.rule}
          {isWebAddress(line.source) ? (
            <a
              href={line.source}
              target="_blank"
              rel="noopener noreferrer"
              className="ml-1 inline-flex items-center gap-0.5 text-accent-ink hover:underline"
              title={line.source}
            >
              price page <ExternalLink aria-hidden className="size-3" />
            </a>
          ) : line.source ? (
            <span className="ml-1">({line.source})</span>
          ) : null}
        </div>
      </td>
      <td className="py-1.5 pr-3 text-right whitespace-nowrap">{quantityText(line.quantity)}</td>
      <td className="py-1.5 pr-3 text-right whitespace-nowrap" title={`Row ${line.price_id}`}>
        {formatUsdExact(line.rate_usd)}
        <div className="text-ink-3">{perText(line.per)}</div>
      </td>
      <td className="py-1.5 text-right whitespace-nowrap">{formatUsdExact(line.usd)}</td>
    </tr>
  );
}

export function Receipt({ event }: { event: EventDetail }) {
  const { row } = event;
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-2">
        <span className="text-lg font-semibold">{row.cost_usd === null ? "Cost unknown" : formatUsdExact(row.cost_usd)}</span>
        <CostBadge state={row.cost_state} />
      </div>
      {event.cost_reason ? <p className="rounded-md bg-sunken px-3 py-2 text-ink-2">{event.cost_reason}</p> : null}
      {event.receipt.length > 0 ? (
        <table className="w-full text-xs">
          <thead>
            <tr className="border-b border-line-strong text-left text-ink-3">
              <th className="py-1 pr-3 font-medium">Unit and rule</th>
              <th className="py-1 pr-3 text-right font-medium whitespace-nowrap">Quantity</th>
              <th className="py-1 pr-3 text-right font-medium whitespace-nowrap">Rate</th>
              <th className="py-1 text-right font-medium whitespace-nowrap">Amount</th>
            </tr>
          </thead>
          <tbody>
            {event.receipt.map((line) => (
              <Line key={`${line.unit}-${line.price_id}`} line={line} />
            ))}
          </tbody>
          <tfoot>
            <tr className="font-semibold">
              <td className="py-1.5" colSpan={3}>
                Sum
              </td>
              <td className="py-1.5 text-right whitespace-nowrap">{formatUsdExact(row.cost_usd)}</td>
            </tr>
          </tfoot>
        </table>
      ) : null}
      {event.table_usd !== null && event.table_usd !== row.cost_usd ? (
        <p className="text-ink-2">By the price book this call would cost {formatUsdExact(event.table_usd)}.</p>
      ) : null}
      <p className="text-xs text-ink-3">
        {event.priced_model ? `Priced as ${event.priced_model}. ` : ""}
        {event.price_book ? `Price book ${event.price_book}.` : "No price book was consulted."}
      </p>
    </div>
  );
}
