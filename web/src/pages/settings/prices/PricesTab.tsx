/** What calls cost and why: those without a price, the project's own prices, pricing again, and the price book. */

import { type KeyboardEvent, useCallback, useEffect, useMemo, useRef, useState } from "react";

import { usePrices } from "../../../api/prices";
import type { PriceList, PriceProvider, PriceRow, PriceRule } from "../../../api/types";
import { Button } from "../../../components/core/Button";
import { Card } from "../../../components/core/Card";
import { Input, Select } from "../../../components/core/Field";
import { Empty, Failure, Skeleton, StaleNotice } from "../../../components/core/States";
import { cx } from "../../../components/core/cx";
import { DataTable } from "../../../components/table/DataTable";
import { formatCount, plural } from "../../../lib/numbers";
import { useLast } from "../../../lib/use-last";
import { useUrl } from "../../../lib/use-url";
import { BookUpdate } from "./BookUpdate";
import { PRICE_COLUMNS } from "./price-columns";
import { PriceHistoryDialog } from "./PriceHistoryDialog";
import { PriceRules } from "./PriceRules";
import { ALL_CALLS, Reprice } from "./Reprice";
import type { RuleDraft } from "./rule-form";
import { UnpricedModels } from "./UnpricedModels";

const TYPING_MS = 250;
const NONE_HIDDEN: ReadonlySet<string> = new Set();
const STEPS: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -Infinity };
const NO_PROVIDERS: readonly PriceProvider[] = [];
const UNSORTED = { column: "", descending: false };

export function PricesTab() {
  const { search, set } = useUrl();
  const [draft, setDraft] = useState<RuleDraft | null>(null);
  const [filter, setFilter] = useState(ALL_CALLS);
  const [history, setHistory] = useState<PriceRow | null>(null);
  const { q, provider } = search;
  const prices = usePrices({ q, provider });
  const data = useLast(prices.data);
  const rows = useMemo(() => data?.pages.flatMap((page) => page.prices) ?? [], [data]);
  const first = data?.pages[0];
  const { fetchNextPage, isFetchingNextPage } = prices;
  const onNearEnd = useCallback(() => {
    if (!isFetchingNextPage) void fetchNextPage({ cancelRefetch: false });
  }, [fetchNextPage, isFetchingNextPage]);
  const failure = { doing: "Loading the prices", error: prices.error, onRetry: () => void prices.refetch() };
  // A provider that is not in the book can only come from the address; the old rows would be another's.
  const isUnknown = provider !== undefined && first !== undefined && !first.providers.some((one) => one.provider === provider);

  function clear() {
    set({ q: undefined, provider: undefined });
  }
  const providers = first?.providers ?? NO_PROVIDERS;

  /** What a new rule is about is what one wants to price again. */
  function added(rule: PriceRule) {
    setFilter({ ...ALL_CALLS, provider: rule.provider ?? "", model: rule.model ?? "", state: rule.kind === "mapping" ? "unpriced" : "" });
  }
  return (
    <div className="flex flex-col gap-3 pt-4">
      <UnpricedModels onMap={setDraft} />
      <PriceRules providers={providers} draft={draft} onDraft={setDraft} onAdded={added} />
      <Reprice providers={providers} filter={filter} onFilter={setFilter} />
      <PriceHistoryDialog
        of={history}
        onClose={() => setHistory(null)}
        onRule={(rule) => {
          setHistory(null);
          setDraft(rule);
        }}
      />
      <Card
        title="Price book"
        actions={
          first ? (
            <>
              <BookFacts list={first} />
              <BookUpdate />
            </>
          ) : null
        }
      >
        <PriceFilter list={first} />
        {failure.error && first && !isUnknown ? <StaleNotice {...failure} error={failure.error} /> : null}
        {failure.error && (!first || isUnknown) ? <Failure {...failure} error={failure.error} /> : null}
        {failure.error && provider !== undefined ? (
          <Button className="mb-6 self-center" onClick={clear}>
            Show all prices
          </Button>
        ) : null}
        {!failure.error && !first ? <Skeleton className="m-4 h-64" /> : null}
        {first && rows.length === 0 && !failure.error ? (
          <Empty title="No price under this name" action={<Button onClick={clear}>Show all prices</Button>}>
            Only names that are listed have a price; a call with another one is recorded without a cost.
          </Empty>
        ) : null}
        {rows.length > 0 && !isUnknown ? (
          <div className={cx("flex h-[36rem] max-h-[75vh] border-t border-line", prices.isPlaceholderData && "opacity-60")}>
            <PriceTable key={`${q} ${provider}`} rows={rows} hasMore={prices.hasNextPage} onNearEnd={onNearEnd} onOpen={setHistory} />
          </div>
        ) : null}
      </Card>
    </div>
  );
}

function BookFacts({ list }: { list: PriceList }) {
  return (
    <output className="text-xs text-ink-3">
      {plural(list.total, "price")} of {plural(list.models, "model")} · version <code className="font-mono">{list.price_book}</code>
    </output>
  );
}

function PriceFilter({ list }: { list: PriceList | undefined }) {
  const { search, set } = useUrl();
  const asked = search.q ?? "";
  const [typed, setTyped] = useState(asked);
  const [seen, setSeen] = useState(asked);
  if (seen !== asked) {
    setSeen(asked);
    if (typed.trim() !== asked) setTyped(asked);
  }
  const timer = useRef<number>(undefined);
  useEffect(() => () => window.clearTimeout(timer.current), []);

  function type(text: string) {
    setTyped(text);
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => set({ q: text.trim() || undefined }, { replace: true }), TYPING_MS);
  }
  const listed = list?.providers.map((one) => ({
    value: one.provider,
    label: `${one.provider} (${formatCount(one.models)})`,
  }));
  return (
    <div role="search" aria-label="Prices" className="flex flex-wrap gap-2 px-4 pt-1 pb-3">
      <Input
        type="search"
        aria-label="Model name"
        placeholder="Part of a model name"
        maxLength={200}
        className="max-w-72 min-w-48 flex-1"
        value={typed}
        onChange={(event) => type(event.target.value)}
      />
      <Select
        aria-label="Provider"
        className="w-56"
        value={search.provider ?? ""}
        onChange={(event) => set({ provider: event.target.value || undefined })}
        options={[{ value: "", label: "All providers" }, ...(listed ?? [])]}
      />
    </div>
  );
}

interface PriceTableProps {
  rows: readonly PriceRow[];
  hasMore: boolean;
  onNearEnd: () => void;
  onOpen: (row: PriceRow) => void;
}

function PriceTable({ rows, hasMore, onNearEnd, onOpen }: PriceTableProps) {
  const [active, setActive] = useState(-1);
  function onKeyDown(event: KeyboardEvent) {
    const chosen = rows[active];
    if (event.key === "Enter" && event.target === event.currentTarget && chosen) onOpen(chosen);
    const step = STEPS[event.key];
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    setActive(Math.min(rows.length - 1, Math.max(0, active + step)));
  }
  return (
    // Up and down walk the rows; the links in them are reached by the tab key.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex, jsx-a11y/no-noninteractive-element-interactions
    <div role="region" aria-label="Price rows" tabIndex={0} className="flex min-w-0 flex-1" onKeyDown={onKeyDown}>
      <DataTable
        label="Prices"
        columns={PRICE_COLUMNS}
        rows={rows}
        rowId={priceId}
        hidden={NONE_HIDDEN}
        density="dense"
        sort={UNSORTED}
        onSort={ignore}
        active={active}
        onActivate={setActive}
        onOpen={onOpen}
        hasMore={hasMore}
        onNearEnd={onNearEnd}
        footer={hasMore ? <p className="p-3 text-center text-xs text-ink-3">Loading more…</p> : null}
      />
    </div>
  );
}

function ignore() {
  // The API has one order.
}

function priceId(row: PriceRow): string {
  return row.price_id;
}
