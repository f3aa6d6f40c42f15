/** Models whose calls have no known cost, why, and what to do about it. */

import { CircleCheck } from "lucide-react";
import type { ReactNode } from "react";

import { useUnpriced } from "../../../api/prices";
import type { UnpricedModel } from "../../../api/types";
import { Button } from "../../../components/core/Button";
import { Card } from "../../../components/core/Card";
import { Empty, Failure, Skeleton, StaleNotice } from "../../../components/core/States";
import { Ago } from "../../../components/figure/Figures";
import { formatCount, plural } from "../../../lib/numbers";
import type { TimeRange } from "../../../lib/time";
import { useLast } from "../../../lib/use-last";
import { useUrl } from "../../../lib/use-url";
import { EMPTY_RULE, type RuleDraft } from "./rule-form";

const LOOKED_AT: TimeRange = { kind: "last", name: "30d" };
const COLUMNS = ["Model", "Calls", "Last seen", "Why, and what to do"] as const;

export interface UnpricedModelsProps {
  /** Begins a mapping of an unknown name. */
  onMap: (draft: RuleDraft) => void;
}

export function UnpricedModels({ onMap }: UnpricedModelsProps) {
  const { project } = useUrl();
  const unpriced = useUnpriced({ project, range: LOOKED_AT });
  const data = useLast(unpriced.data);
  const failure = { doing: "Loading the models without a price", onRetry: () => void unpriced.refetch() };
  return (
    <Card
      title="Without a price"
      className="pb-2"
      actions={data && data.calls > 0 ? <span className="text-xs text-ink-3">{plural(data.calls, "call")} in the last 30 days, in no sum</span> : null}
    >
      {unpriced.error && !data ? <Failure {...failure} error={unpriced.error} /> : null}
      {unpriced.error && data ? <StaleNotice {...failure} error={unpriced.error} /> : null}
      {!unpriced.error && !data ? <Skeleton className="mx-4 my-2 h-20" /> : null}
      {data?.models.length === 0 ? (
        <Empty title="Every call has a cost" icon={<CircleCheck aria-hidden className="size-5" />}>
          No call of the last 30 days is without one.
        </Empty>
      ) : null}
      {data && data.models.length > 0 ? <UnpricedTable models={data.models} onMap={onMap} /> : null}
      {data?.truncated ? (
        <p className="px-4 pt-1 text-xs text-ink-3">Only the {formatCount(data.models.length)} with the most calls are shown.</p>
      ) : null}
    </Card>
  );
}

function UnpricedTable({ models, onMap }: UnpricedModelsProps & { models: readonly UnpricedModel[] }) {
  const { zone } = useUrl();
  return (
    // Reachable by the keyboard, because on a phone the table scrolls sideways.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div role="region" aria-label="Models without a price" tabIndex={0} className="relative max-h-80 overflow-auto">
      <table className="w-full min-w-[40rem]">
        <thead className="text-xs text-ink-3">
          <tr>
            {COLUMNS.map((title) => (
              <th key={title} scope="col" className="py-1 pr-3 text-left font-normal whitespace-nowrap first:pl-4">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="align-top">
          {models.map((one) => (
            <tr key={`${one.provider} ${one.model} ${one.reason}`} className="border-t border-line">
              <td className="py-1.5 pr-3 pl-4 break-words">
                <div className="font-medium">{one.model ?? "unnamed"}</div>
                <div className="text-xs text-ink-3">{one.provider ?? "unknown provider"}</div>
              </td>
              <td className="py-1.5 pr-3 tabular-nums">{formatCount(one.calls)}</td>
              <td className="py-1.5 pr-3 whitespace-nowrap">
                <Ago iso={one.last_seen} zone={zone} />
              </td>
              <td className="py-1.5 pr-4">
                {one.reason ? <div>{one.reason}</div> : null}
                <div className="text-xs text-ink-2">
                  <Remedy one={one} onMap={onMap} />
                </div>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Remedy({ one, onMap }: UnpricedModelsProps & { one: UnpricedModel }): ReactNode {
  if (one.mapped_to !== null) return `Mapped to ${one.mapped_to} since: price the stored calls again below.`;
  if (one.rule_id !== null) return "A rule gives it a price since: price the stored calls again below.";
  if (one.missing === "other") return "The model is listed; what this call lacked is said above.";
  if (one.model === null || one.provider === null) return "Without a name no price can be found.";
  // From the first of its calls, so that pricing again reaches them all.
  const from = one.first_seen.slice(0, 10);
  const draft: RuleDraft = { ...EMPTY_RULE, kind: "mapping", provider: one.provider, model: one.model, from };
  const { nearest } = one;
  return (
    <span className="flex flex-wrap items-center gap-2 pt-1">
      {nearest === null ? (
        <span>{one.missing === "provider" ? "Nothing of this provider has a price here." : "No listed name is like it."}</span>
      ) : (
        <Button size="sm" onClick={() => onMap({ ...draft, toProvider: draft.provider, toModel: nearest })}>
          Means {nearest}…
        </Button>
      )}
      <Button size="sm" onClick={() => onMap(draft)}>
        {nearest === null ? "Map it…" : "Another model…"}
        <span className="sr-only"> for {one.model}</span>
      </Button>
      <Button size="sm" onClick={() => onMap({ ...draft, kind: "override" })}>
        Own rates…<span className="sr-only"> for {one.model}</span>
      </Button>
    </span>
  );
}
