/** Making a price rule: own rates, a discount, a free model, or what an unknown name means. */

import { Plus, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";

import { useAddPriceRule, usePriceHistory, usePreviewPriceRule } from "../../../api/prices";
import { ApiError } from "../../../api/client";
import type { PriceProvider, PriceRule } from "../../../api/types";
import { Button, IconButton } from "../../../components/core/Button";
import { Dialog } from "../../../components/core/Dialog";
import { Input, Labelled, Select } from "../../../components/core/Field";
import { toast } from "../../../components/core/Toast";
import { useNow } from "../../../lib/use-now";
import { useUrl } from "../../../lib/use-url";
import { EMPTY_RATE, isFilled, listPrices, type RateDraft, type RuleDraft, type RuleKind, ruleRequest } from "./rule-form";
import { RulePreview } from "./RulePreview";
import { ruleTitle } from "./rule-title";

const KINDS: readonly { value: RuleKind; label: string }[] = [
  { value: "override", label: "Own rates: what our contract says" },
  { value: "discount", label: "Discount: percent off the list price" },
  { value: "free", label: "Free: costs us nothing" },
  { value: "mapping", label: "Mapping: this name means a known model" },
];
const PER = [
  { value: "1000000", label: "per million" },
  { value: "1000", label: "per thousand" },
  { value: "1", label: "each" },
] as const;

export interface RuleDialogProps {
  /** What the form begins with; `null` keeps the dialog closed. */
  draft: RuleDraft | null;
  providers: readonly PriceProvider[];
  onClose: () => void;
  onAdded: (rule: PriceRule) => void;
}

export function RuleDialog({ draft, providers, onClose, onAdded }: RuleDialogProps) {
  const title = draft?.kind === "mapping" ? "What this name means" : "New price rule";
  return (
    <Dialog open={draft !== null} onClose={onClose} title={title}>
      {draft ? <RuleForm first={draft} providers={providers} onClose={onClose} onAdded={onAdded} /> : null}
    </Dialog>
  );
}

interface RuleFormProps extends Omit<RuleDialogProps, "draft"> {
  first: RuleDraft;
}

function RuleForm({ first, providers, onClose, onAdded }: RuleFormProps) {
  const { project } = useUrl();
  const [draft, setDraft] = useState(first);
  const add = useAddPriceRule(project);
  const preview = usePreviewPriceRule(project);
  const request = ruleRequest(draft);

  function change(part: Partial<RuleDraft>) {
    setDraft({ ...draft, ...part });
    preview.reset();
    add.reset();
  }
  function submit(event: FormEvent) {
    event.preventDefault();
    add.mutate(request, {
      onSuccess: (rule) => {
        toast(`In force: ${ruleTitle(rule)}`);
        onAdded(rule);
      },
    });
  }
  const problem = add.error ?? preview.error;
  const at = problem instanceof ApiError ? problem.field : null;
  return (
    <form onSubmit={submit} className="flex flex-col gap-3 overflow-y-auto px-4 pb-4">
      <Labelled label="Kind">
        {({ id }) => <Select id={id} value={draft.kind} options={KINDS} onChange={(event) => change({ kind: event.target.value as RuleKind })} />}
      </Labelled>
      <div className="grid gap-3 sm:grid-cols-2">
        <ProviderField label="Provider" value={draft.provider} providers={providers} onChange={(provider) => change({ provider })} />
        <TextField
          label="Model"
          note={draft.kind === "discount" ? "Empty: every model." : "As calls name it."}
          value={draft.model}
          onChange={(model) => change({ model })}
        />
      </div>
      {draft.kind === "mapping" ? (
        <div className="grid gap-3 sm:grid-cols-2">
          <ProviderField label="Means, of provider" value={draft.toProvider} providers={providers} onChange={(toProvider) => change({ toProvider })} />
          <TextField label="The model" note="A name of the price book." value={draft.toModel} onChange={(toModel) => change({ toModel })} />
        </div>
      ) : null}
      {draft.kind === "discount" ? (
        <TextField label="Percent off" note="12.5 takes an eighth off." inputMode="decimal" value={draft.percent} onChange={(percent) => change({ percent })} />
      ) : null}
      {draft.kind === "override" ? <Rates draft={draft} onChange={(rates) => change({ rates })} /> : null}
      <div className="grid gap-3 sm:grid-cols-2">
        <TextField label="From (UTC)" type="date" note="Empty: from now on." value={draft.from} onChange={(from) => change({ from })} />
        <TextField label="Until (UTC)" type="date" note="Empty: until further notice." value={draft.to} onChange={(to) => change({ to })} />
      </div>
      <TextField label="Why" note="A contract, a ticket: it is kept with the rule." value={draft.note} onChange={(note) => change({ note })} />
      <RulePreview changes={preview.data} />
      {problem ? (
        <p role="alert" className="text-xs text-bad">
          {at ? `${at}: ` : ""}
          {problem.message}
        </p>
      ) : null}
      <div className="mt-1 flex flex-wrap justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button disabled={!isFilled(draft) || preview.isPending} onClick={() => preview.mutate(request)}>
          {preview.isPending ? "Looking…" : "What would change?"}
        </Button>
        <Button type="submit" variant="primary" disabled={!isFilled(draft) || add.isPending}>
          {add.isPending ? "Adding…" : "Add rule"}
        </Button>
      </div>
    </form>
  );
}

interface TextFieldProps {
  label: string;
  note?: string;
  value: string;
  type?: "text" | "date";
  inputMode?: "text" | "decimal";
  onChange: (value: string) => void;
}

function TextField({ label, note, value, type = "text", inputMode = "text", onChange }: TextFieldProps) {
  return (
    <Labelled label={label} note={note}>
      {({ id, describedBy }) => (
        <Input
          id={id}
          type={type}
          inputMode={inputMode}
          maxLength={200}
          aria-describedby={describedBy}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Labelled>
  );
}

interface ProviderFieldProps {
  label: string;
  value: string;
  providers: readonly PriceProvider[];
  onChange: (provider: string) => void;
}

function ProviderField({ label, value, providers, onChange }: ProviderFieldProps) {
  const known = providers.map((one) => one.provider);
  // A provider of one's own calls may have no prices, and still be mapped to one that has.
  const names = value === "" || known.includes(value) ? known : [value, ...known];
  return (
    <Labelled label={label}>
      {({ id }) => (
        <Select
          id={id}
          value={value}
          options={[{ value: "", label: "—" }, ...names.map((name) => ({ value: name, label: name }))]}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Labelled>
  );
}

/** A rate a line; units and list prices come from the price book where it has the model. */
function Rates({ draft, onChange }: { draft: RuleDraft; onChange: (rates: readonly RateDraft[]) => void }) {
  const { project } = useUrl();
  const nowMs = useNow();
  const history = usePriceHistory(project, draft.provider, draft.model.trim());
  const listed = listPrices(history.data?.prices ?? [], nowMs);
  const units = [...new Set([...listed.keys(), ...draft.rates.map((rate) => rate.unit)])].filter((unit) => unit !== "");

  function replace(at: number, part: Partial<RateDraft>) {
    onChange(draft.rates.map((rate, index) => (index === at ? { ...rate, ...part } : rate)));
  }
  return (
    <fieldset className="flex flex-col gap-2">
      <legend className="mb-1 text-xs font-medium text-ink-2">Rates in US dollars</legend>
      {draft.rates.map((rate, index) => (
        // Lines have no name of their own, and are only added at the end.
        // oxlint-disable-next-line react/no-array-index-key
        <div key={index} className="flex flex-wrap items-center gap-2">
          <Input
            aria-label={`Unit ${index + 1}`}
            className="min-w-40 flex-[2]"
            list="price-units"
            value={rate.unit}
            onChange={(event) => replace(index, { unit: event.target.value })}
          />
          <Input
            aria-label={`Rate ${index + 1}`}
            className="min-w-20 flex-1"
            inputMode="decimal"
            placeholder={listed.get(rate.unit)?.rate_usd ?? "0.00"}
            value={rate.usd}
            onChange={(event) => replace(index, { usd: event.target.value })}
          />
          <Select aria-label={`Per ${index + 1}`} className="w-32" value={rate.per} options={PER} onChange={(event) => replace(index, { per: event.target.value })} />
          <IconButton
            label={`Remove rate ${index + 1}`}
            icon={<Trash2 aria-hidden className="size-4" />}
            disabled={draft.rates.length === 1}
            onClick={() => onChange(draft.rates.filter((_, at) => at !== index))}
          />
        </div>
      ))}
      <datalist id="price-units">
        {units.map((unit) => (
          <option key={unit} value={unit}>
            {listed.get(unit)?.unit_label ?? unit}
          </option>
        ))}
      </datalist>
      <Button size="sm" variant="dashed" className="self-start" onClick={() => onChange([...draft.rates, EMPTY_RATE])}>
        <Plus aria-hidden className="size-3.5" />
        Another unit
      </Button>
      <p className="text-xs text-ink-3">Units without a rate here keep their list price.</p>
    </fieldset>
  );
}
