/** Pricing stored calls again: first what would change, by model and month, then doing it. */

import { type FormEvent, useState } from "react";

import { useForgetCosts, useRepriceJob, useStartReprice } from "../../../api/prices";
import type { PriceProvider, RepriceJob, RepriceRequest } from "../../../api/types";
import { Button } from "../../../components/core/Button";
import { Card } from "../../../components/core/Card";
import { Input, Labelled, Select } from "../../../components/core/Field";
import { toast } from "../../../components/core/Toast";
import { formatCount, formatShare, plural } from "../../../lib/numbers";
import { useUrl } from "../../../lib/use-url";
import { RepriceTable } from "./RepriceTable";

export interface RepriceFilterDraft {
  provider: string;
  model: string;
  state: string;
  from: string;
  to: string;
}

export const ALL_CALLS: RepriceFilterDraft = { provider: "", model: "", state: "", from: "", to: "" };

const STATES = [
  { value: "", label: "Any cost" },
  { value: "unpriced", label: "Without a known cost" },
  { value: "estimated", label: "Estimated" },
  { value: "priced", label: "Priced" },
  { value: "free", label: "Free" },
] as const;

export interface RepriceProps {
  providers: readonly PriceProvider[];
  filter: RepriceFilterDraft;
  onFilter: (filter: RepriceFilterDraft) => void;
}

export function Reprice({ providers, filter, onFilter }: RepriceProps) {
  const { project } = useUrl();
  const [jobId, setJobId] = useState<string | null>(null);
  const start = useStartReprice(project);
  const asked = useRepriceJob(project, jobId);
  const forget = useForgetCosts();
  // The answer to the order shows at once; the questions after it say how far it is.
  const job = asked.data ?? (start.data?.id === jobId ? start.data : undefined);
  const isRunning = start.isPending || job?.status === "running";

  function order(dryRun: boolean) {
    start.mutate(request(filter, dryRun), { onSuccess: (made) => setJobId(made.id) });
  }
  function change(part: Partial<RepriceFilterDraft>) {
    onFilter({ ...filter, ...part });
    setJobId(null);
    start.reset();
  }
  function submit(event: FormEvent) {
    event.preventDefault();
    order(true);
  }
  const failure = start.error ?? asked.error;
  return (
    <Card title="Price stored calls again" className="pb-3">
      <div className="flex flex-col gap-3 px-4">
        <p className="text-ink-2">
          A stored cost stays as it was until you say otherwise. This prices calls with the price book and the rules of now; every earlier cost is kept and shown at the
          call. Costs that providers stated themselves stay, unless you have own rates for them.
        </p>
        <form onSubmit={submit} className="grid items-end gap-3 sm:grid-cols-3 lg:grid-cols-6" aria-label="Calls to price again">
          <Labelled label="Provider">
            {({ id }) => (
              <Select
                id={id}
                value={filter.provider}
                options={[{ value: "", label: "All" }, ...providerOptions(providers, filter.provider)]}
                onChange={(event) => change({ provider: event.target.value })}
              />
            )}
          </Labelled>
          <Labelled label="Model">
            {({ id }) => <Input id={id} maxLength={200} placeholder="All" value={filter.model} onChange={(event) => change({ model: event.target.value })} />}
          </Labelled>
          <Labelled label="Cost now">
            {({ id }) => <Select id={id} value={filter.state} options={STATES} onChange={(event) => change({ state: event.target.value })} />}
          </Labelled>
          <Labelled label="From (UTC)">{({ id }) => <Input id={id} type="date" value={filter.from} onChange={(event) => change({ from: event.target.value })} />}</Labelled>
          <Labelled label="Before (UTC)">{({ id }) => <Input id={id} type="date" value={filter.to} onChange={(event) => change({ to: event.target.value })} />}</Labelled>
          <Button type="submit" disabled={isRunning}>
            {isRunning && job?.dry_run !== false ? "Pricing…" : "Show what would change"}
          </Button>
        </form>
        {failure ? (
          <p role="alert" className="text-xs text-bad">
            {failure.message}
          </p>
        ) : null}
        {job ? <Outcome job={job} isRunning={isRunning} onApply={() => order(false)} onSeen={() => void forget()} /> : null}
      </div>
    </Card>
  );
}

function providerOptions(providers: readonly PriceProvider[], chosen: string) {
  const names = providers.map((one) => one.provider);
  return (chosen === "" || names.includes(chosen) ? names : [chosen, ...names]).map((name) => ({ value: name, label: name }));
}

function request(filter: RepriceFilterDraft, dryRun: boolean): RepriceRequest {
  const wanted: RepriceRequest = { dry_run: dryRun };
  if (filter.provider !== "") wanted.provider = filter.provider;
  if (filter.model.trim() !== "") wanted.model = filter.model.trim();
  if (filter.state !== "") wanted.state = filter.state as NonNullable<RepriceRequest["state"]>;
  if (filter.from !== "") wanted.time_from = `${filter.from}T00:00:00Z`;
  if (filter.to !== "") wanted.time_to = `${filter.to}T00:00:00Z`;
  return wanted;
}

interface OutcomeProps {
  job: RepriceJob;
  isRunning: boolean;
  onApply: () => void;
  onSeen: () => void;
}

function Outcome({ job, isRunning, onApply, onSeen }: OutcomeProps) {
  const [seen, setSeen] = useState<string | null>(null);
  if (job.status === "done" && !job.dry_run && seen !== job.id) {
    setSeen(job.id);
    queueMicrotask(() => {
      toast(`${plural(job.total.changed, "call")} ${job.total.changed === 1 ? "has" : "have"} a new cost.`);
      onSeen();
    });
  }
  if (job.status === "running") {
    const share = job.calls_found > 0 ? job.calls_done / job.calls_found : null;
    return (
      <output className="text-xs text-ink-2">
        {formatCount(job.calls_done)} of {formatCount(job.calls_found)} calls priced ({formatShare(share)})…
      </output>
    );
  }
  if (job.status === "failed") {
    return (
      <p role="alert" className="text-xs text-bad">
        It stopped: {job.error} What was applied until then stays; asking again does the rest.
      </p>
    );
  }
  return (
    <div className="flex flex-col gap-3">
      <RepriceTable job={job} />
      {job.dry_run && job.total.changed > 0 ? (
        <div className="flex flex-wrap items-center justify-end gap-3">
          <span className="text-xs text-ink-3">Nothing has been changed yet.</span>
          <Button variant="primary" disabled={isRunning} onClick={onApply}>
            Give {plural(job.total.changed, "call")} the new cost
          </Button>
        </div>
      ) : null}
    </div>
  );
}
