/** What the page of prices asks and changes: the price book, rules of the project, and pricing stored calls again. */

import { type QueryClient, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { getJson, sendFile, sendJson } from "./client";
import { listParams, type Scope } from "./queries";
import type {
  PriceBookDiff,
  PriceHistory,
  PriceList,
  PriceRule,
  PriceRuleChanges,
  PriceRuleList,
  PriceRuleRequest,
  RepriceJob,
  RepriceRequest,
  UnpricedList,
} from "./types";

const JOB_REFRESH_MS = 500;
const PRICES_PAGE_SIZE = 200;

/** Rows of the price book, page after page; they change only with the collector. */
export function usePrices(asked: { provider: string | undefined; q: string | undefined }) {
  return useInfiniteQuery({
    queryKey: ["prices", asked],
    queryFn: ({ pageParam, signal }) =>
      getJson<PriceList>("prices", { ...asked, limit: PRICES_PAGE_SIZE, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
    staleTime: 300_000,
  });
}

/** Models that were called in the range and whose cost is unknown. */
export function useUnpriced(scope: Omit<Scope, "q">) {
  return useQuery({
    queryKey: ["unpriced", scope],
    queryFn: ({ signal }) => getJson<UnpricedList>("prices/unpriced", listParams(scope), signal),
  });
}

/** All dated rates of one model and the rules of the project about it. */
export function usePriceHistory(project: string, provider: string, model: string) {
  return useQuery({
    queryKey: ["price-history", project, provider, model],
    queryFn: ({ signal }) => getJson<PriceHistory>("prices/history", { project, provider, model }, signal),
    enabled: provider !== "" && model !== "",
    retry: false,
    placeholderData: undefined,
  });
}

/** Rules of the project, newest first. */
export function usePriceRules(project: string) {
  return useQuery({
    queryKey: ["price-rules", project],
    queryFn: ({ signal }) => getJson<PriceRuleList>("price-rules", { project }, signal),
  });
}

function invalidatePrices(client: QueryClient): Promise<unknown> {
  return Promise.all(
    ["price-rules", "price-history", "unpriced", "prices"].map((key) => client.invalidateQueries({ queryKey: [key] })),
  );
}

export function useAddPriceRule(project: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (wanted: PriceRuleRequest) => sendJson<PriceRule>("POST", "price-rules", wanted, { project }),
    onSuccess: () => invalidatePrices(client),
  });
}

export function useEndPriceRule(project: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => sendJson<PriceRule>("POST", `price-rules/${encodeURIComponent(id)}/end`, {}, { project }),
    onSuccess: () => invalidatePrices(client),
  });
}

/** What a rule would have changed in the last 30 days; asked when somebody wants to know. */
export function usePreviewPriceRule(project: string) {
  return useMutation({
    mutationFn: (wanted: PriceRuleRequest) =>
      sendJson<PriceRuleChanges>("POST", "price-rules/preview", wanted, { project }),
  });
}

export function useStartReprice(project: string) {
  return useMutation({
    mutationFn: (wanted: RepriceRequest) => sendJson<RepriceJob>("POST", "reprice", wanted, { project }),
  });
}

/** A re-pricing, asked again while it runs. */
export function useRepriceJob(project: string, id: string | null) {
  return useQuery({
    queryKey: ["reprice", project, id],
    queryFn: ({ signal }) => getJson<RepriceJob>(`reprice/${encodeURIComponent(id ?? "")}`, { project }, signal),
    enabled: id !== null,
    refetchInterval: (query) => (query.state.data?.status === "running" ? JOB_REFRESH_MS : false),
    placeholderData: undefined,
  });
}

/** Every sum on every page may have changed. */
export function useForgetCosts(): () => Promise<void> {
  const client = useQueryClient();
  return () => client.invalidateQueries();
}

export function useSendPriceBook() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ file, take, older }: { file: Blob; take: boolean; older: boolean }) =>
      sendFile<PriceBookDiff>("prices/book", file, { dry_run: !take, older: older || undefined }),
    onSuccess: (diff) => (diff.taken ? invalidatePrices(client) : undefined),
  });
}
