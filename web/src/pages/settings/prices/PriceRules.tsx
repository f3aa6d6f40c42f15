/** The project's own prices: rules in force and planned ones, their history on request. */

import { Plus, Tags } from "lucide-react";
import { useState } from "react";

import { useEndPriceRule, usePriceRules } from "../../../api/prices";
import type { PriceProvider, PriceRule } from "../../../api/types";
import { Badge, type Tone } from "../../../components/core/Badge";
import { Button } from "../../../components/core/Button";
import { Card } from "../../../components/core/Card";
import { Dialog } from "../../../components/core/Dialog";
import { Empty, Failure, Skeleton } from "../../../components/core/States";
import { toast } from "../../../components/core/Toast";
import { Instant } from "../../../components/figure/Figures";
import { useLast } from "../../../lib/use-last";
import { useUrl } from "../../../lib/use-url";
import { EMPTY_RULE, type RuleDraft } from "./rule-form";
import { RuleDialog } from "./RuleDialog";
import { ruleAuthor, ruleTitle } from "./rule-title";

const STATES: Record<PriceRule["state"], { tone: Tone; label: string }> = {
  in_force: { tone: "good", label: "in force" },
  planned: { tone: "accent", label: "planned" },
  over: { tone: "neutral", label: "over" },
  ended: { tone: "neutral", label: "ended" },
  withdrawn: { tone: "neutral", label: "withdrawn" },
};

export interface PriceRulesProps {
  providers: readonly PriceProvider[];
  /** A rule that was begun elsewhere on the page. */
  draft: RuleDraft | null;
  onDraft: (draft: RuleDraft | null) => void;
  onAdded: (rule: PriceRule) => void;
}

export function PriceRules({ providers, draft, onDraft, onAdded }: PriceRulesProps) {
  const { project } = useUrl();
  const [showsPast, setShowsPast] = useState(false);
  const [ending, setEnding] = useState<PriceRule | null>(null);
  const asked = usePriceRules(project);
  const all = useLast(asked.data)?.rules;
  const past = all?.filter((rule) => !isCurrent(rule)).length ?? 0;
  const shown = all?.filter((rule) => showsPast || isCurrent(rule));
  return (
    <Card
      title="Own prices"
      className="pb-2"
      actions={
        <>
          {past > 0 ? (
            <Button size="sm" variant="ghost" aria-pressed={showsPast} onClick={() => setShowsPast(!showsPast)}>
              {showsPast ? "Hide past rules" : `Show past rules (${past})`}
            </Button>
          ) : null}
          <Button size="sm" variant="primary" onClick={() => onDraft(EMPTY_RULE)}>
            <Plus aria-hidden className="size-3.5" />
            New rule
          </Button>
        </>
      }
    >
      {asked.error && !all ? <Failure doing="Loading the rules" error={asked.error} onRetry={() => void asked.refetch()} /> : null}
      {!asked.error && !all ? <Skeleton className="mx-4 my-2 h-16" /> : null}
      {shown?.length === 0 ? (
        <Empty title="List prices, as they are published" icon={<Tags aria-hidden className="size-5" />}>
          With a contract, a discount, or a model under a name of your own, add a rule: from then on this project is priced by it.
        </Empty>
      ) : null}
      {shown && shown.length > 0 ? <RuleTable rules={shown} onEnd={setEnding} /> : null}
      <RuleDialog
        draft={draft}
        providers={providers}
        onClose={() => onDraft(null)}
        onAdded={(rule) => {
          onDraft(null);
          onAdded(rule);
        }}
      />
      <EndDialog rule={ending} onClose={() => setEnding(null)} />
    </Card>
  );
}

function isCurrent(rule: PriceRule): boolean {
  return rule.state === "in_force" || rule.state === "planned";
}

function RuleTable({ rules, onEnd }: { rules: readonly PriceRule[]; onEnd: (rule: PriceRule) => void }) {
  const { zone } = useUrl();
  return (
    // Reachable by the keyboard, because on a phone the table scrolls sideways.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div role="region" aria-label="Price rules" tabIndex={0} className="relative max-h-96 overflow-auto">
      <table className="w-full min-w-[44rem]">
        <thead className="text-xs text-ink-3">
          <tr>
            {["Rule", "State", "From", "Until", ""].map((title) => (
              <th key={title} scope="col" className="py-1 pr-3 text-left font-normal whitespace-nowrap first:pl-4">
                {title || <span className="sr-only">Actions</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="align-top">
          {rules.map((rule) => (
            <tr key={rule.id} className="border-t border-line">
              <td className="py-1.5 pr-3 pl-4 break-words">
                <div className="font-medium" title={rule.text}>
                  {ruleTitle(rule)}
                </div>
                <div className="text-xs text-ink-3">
                  {rule.note ? `${rule.note} · ` : ""}added {ruleAuthor(rule.created_by)}, <Instant iso={rule.created_at} zone={zone} />
                </div>
              </td>
              <td className="py-1.5 pr-3">
                <Badge tone={STATES[rule.state].tone}>{STATES[rule.state].label}</Badge>
              </td>
              <td className="py-1.5 pr-3 whitespace-nowrap">
                <Instant iso={rule.valid_from} zone={zone} />
              </td>
              <td className="py-1.5 pr-3 whitespace-nowrap">
                {(rule.stops_at ?? rule.valid_to) ? <Instant iso={rule.stops_at ?? rule.valid_to} zone={zone} /> : <span className="text-ink-3">further notice</span>}
              </td>
              <td className="py-1 pr-4 text-right">
                {isCurrent(rule) ? (
                  <Button size="sm" onClick={() => onEnd(rule)}>
                    End<span className="sr-only"> rule: {ruleTitle(rule)}</span>
                  </Button>
                ) : null}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function EndDialog({ rule, onClose }: { rule: PriceRule | null; onClose: () => void }) {
  const { project } = useUrl();
  const end = useEndPriceRule(project);
  function confirm() {
    if (!rule) return;
    end.mutate(rule.id, {
      onSuccess: () => {
        toast("The rule has ended. Costs that it gave stay until they are priced again.");
        onClose();
      },
      onError: (error) => toast(error.message, "bad"),
    });
  }
  return (
    <Dialog open={rule !== null} onClose={onClose} title="End this rule?">
      <div className="flex flex-col gap-3 px-4 pb-4">
        <p className="font-medium">{rule ? ruleTitle(rule) : ""}</p>
        <p className="text-ink-2">Calls from now on are priced without it. It stays in the history, and so do the costs it gave.</p>
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Keep it</Button>
          <Button variant="danger" disabled={end.isPending} onClick={confirm}>
            {end.isPending ? "Ending…" : "End rule"}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
