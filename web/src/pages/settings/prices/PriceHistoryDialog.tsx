/** Everything that is known of the price of one model: past, present and announced rates, and the project's rules. */

import { usePriceHistory } from "../../../api/prices";
import type { PriceRow } from "../../../api/types";
import { Button } from "../../../components/core/Button";
import { Dialog } from "../../../components/core/Dialog";
import { Failure, Skeleton } from "../../../components/core/States";
import { useUrl } from "../../../lib/use-url";
import { PRICE_COLUMNS } from "./price-columns";
import { EMPTY_RULE, type RuleDraft } from "./rule-form";
import { ruleTitle } from "./rule-title";

const COLUMNS = PRICE_COLUMNS.filter((column) => column.id !== "model");

export interface PriceHistoryDialogProps {
  /** Provider and model; `null` keeps the dialog closed. */
  of: { provider: string; model: string } | null;
  onClose: () => void;
  onRule: (draft: RuleDraft) => void;
}

export function PriceHistoryDialog({ of, onClose, onRule }: PriceHistoryDialogProps) {
  return (
    <Dialog open={of !== null} onClose={onClose} title={of ? `Prices of ${of.model}` : ""} width="table">
      {of ? <History provider={of.provider} model={of.model} onRule={onRule} /> : null}
    </Dialog>
  );
}

interface HistoryProps {
  provider: string;
  model: string;
  onRule: (draft: RuleDraft) => void;
}

function History({ provider, model, onRule }: HistoryProps) {
  const { project } = useUrl();
  const history = usePriceHistory(project, provider, model);
  if (history.error) return <Failure doing="Loading the prices" error={history.error} onRetry={() => void history.refetch()} />;
  if (!history.data) return <Skeleton className="m-4 h-48" />;
  const { prices, rules } = history.data;
  return (
    <div className="flex flex-col gap-3 overflow-y-auto px-4 pb-4">
      <PriceTable rows={prices} />
      {rules.length > 0 ? (
        <section className="flex flex-col gap-1">
          <h3 className="text-xs font-medium text-ink-2">Own prices of this project</h3>
          <ul className="flex flex-col gap-1">
            {rules.map((rule) => (
              <li key={rule.id}>
                {ruleTitle(rule)} <span className="text-xs text-ink-3">({rule.state.replace("_", " ")})</span>
              </li>
            ))}
          </ul>
        </section>
      ) : null}
      <div className="flex justify-end gap-2">
        <Button onClick={() => onRule({ ...EMPTY_RULE, kind: "discount", provider, model })}>Add a discount</Button>
        <Button onClick={() => onRule({ ...EMPTY_RULE, provider, model })}>Add own rates</Button>
      </div>
    </div>
  );
}

function PriceTable({ rows }: { rows: readonly PriceRow[] }) {
  return (
    // Reachable by the keyboard, because on a phone the table scrolls sideways.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div role="region" aria-label="Dated rates" tabIndex={0} className="relative overflow-x-auto">
      <table className="w-full min-w-[44rem]">
        <thead className="text-xs text-ink-3">
          <tr>
            {COLUMNS.map((column) => (
              <th key={column.id} scope="col" className={column.align === "right" ? "py-1 pr-3 text-right font-normal" : "py-1 pr-3 text-left font-normal"}>
                {column.header}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="align-top">
          {rows.map((row) => (
            <tr key={row.price_id} className="border-t border-line">
              {COLUMNS.map((column) => (
                <td key={column.id} className={column.align === "right" ? "py-1.5 pr-3 text-right" : "py-1.5 pr-3"}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
