/** What the pages ask of the collector, one hook a question, with the rules of caching. */

import {
  type InfiniteData,
  keepPreviousData,
  QueryCache,
  QueryClient,
  queryOptions,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";

import { resolveRange, type TimeRange } from "../lib/time";
import { HEAVY_REFRESH_MS, isHeavy } from "./changes";
import { ApiError, getJson, sendJson } from "./client";
import type {
  ApiKey,
  ApiKeyCreated,
  ApiKeyRequest,
  EventDetail,
  EventList,
  FieldInfo,
  Meta,
  Project,
  ProjectRename,
  ProjectRequest,
  RunDetail,
  RunList,
  SignInRequest,
  TotalsAnswer,
} from "./types";

/** How often pages ask again where the live stream does not tell them to. */
const REFRESH_MS = 30_000;
const RUNNING_REFRESH_MS = 2_000;
const RUNNING_LIST_REFRESH_MS = 5_000;
/** A list that was scrolled further is not fetched again under the reader's eyes. */
export const LONG_LIST_PAGES = 3;

export function createQueryClient(): QueryClient {
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      onError: (error, query) => {
        // A session that ended is noticed by any question; the frame looks at this one.
        const isOver = error instanceof ApiError && error.status === 401 && query.queryKey[0] !== "meta";
        if (isOver) void client.invalidateQueries({ queryKey: ["meta"] });
      },
    }),
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        placeholderData: keepPreviousData,
        retry: (failures, error) => failures < 2 && isWorthRetrying(error),
        refetchOnWindowFocus: true,
      },
    },
  });
  return client;
}

function isWorthRetrying(error: Error): boolean {
  return !(error instanceof ApiError) || error.status === 0 || error.status >= 500 || error.status === 429;
}

/** What a list or a sum is about. */
export interface Scope {
  project: string;
  range: TimeRange;
  q?: string | undefined;
}

function scopeParams(scope: Scope): Record<string, string | undefined> {
  const { from, to } = resolveRange(scope.range, Date.now());
  return { project: scope.project, from, to, q: scope.q };
}

/** A moving window of a list has no end, so that clocks that differ hide no run that has just begun. */
export function listParams(scope: Scope): Record<string, string | undefined> {
  return scope.range.kind === "last" ? { ...scopeParams(scope), to: undefined } : scopeParams(scope);
}

export function useMeta(project: string) {
  return useQuery({
    queryKey: ["meta", project],
    queryFn: ({ signal }) => getJson<Meta>("meta", { project }, signal),
    staleTime: 30_000,
  });
}

/** Projects with the number of their events. */
export function useProjects() {
  return useQuery({
    queryKey: ["projects"],
    queryFn: ({ signal }) => getJson<Project[]>("projects", {}, signal),
  });
}

export function useCreateProject() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (wanted: ProjectRequest) => sendJson<Project>("POST", "projects", wanted),
    onSuccess: () => invalidateProjects(client),
  });
}

export function useRenameProject() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, ...wanted }: ProjectRename & { id: string }) =>
      sendJson<Project>("PATCH", `projects/${encodeURIComponent(id)}`, wanted),
    onSuccess: () => invalidateProjects(client),
  });
}

function invalidateProjects(client: QueryClient): Promise<unknown> {
  return Promise.all([
    client.invalidateQueries({ queryKey: ["projects"] }),
    client.invalidateQueries({ queryKey: ["meta"] }),
  ]);
}

/** Fields that filters may name, with their most frequent values in the range. */
export function useFields(scope: Omit<Scope, "q">) {
  return useQuery({
    queryKey: ["fields", scope],
    queryFn: ({ signal }) => getJson<FieldInfo[]>("fields", listParams(scope), signal),
    staleTime: 60_000,
  });
}

export interface TotalsQuestion extends Scope {
  /** Up to two dimensions, as the API names them. */
  groupBy?: readonly string[];
  compare?: boolean;
  limit?: number;
  /** `key`, `cost`, `calls`, `errors`, `tokens` or `duration`, with a leading `-` for the greatest first. */
  sort?: string;
  /** Zone in which days begin; UTC when missing. */
  zone?: string;
}

export function useTotals(question: TotalsQuestion, enabled = true) {
  return useQuery({
    queryKey: ["totals", question],
    queryFn: ({ signal }) =>
      getJson<TotalsAnswer>(
        "totals",
        {
          ...scopeParams(question),
          group_by: question.groupBy?.join(","),
          compare: question.compare ? "previous" : undefined,
          limit: question.limit,
          sort: question.sort,
          tz: question.zone,
        },
        signal,
      ),
    enabled,
    refetchInterval: question.range.kind === "last" ? REFRESH_MS : false,
  });
}

export const RUNS_PAGE_SIZE = 100;

/** Runs, newest or largest first, page after page. */
export function useRuns(scope: Scope, sort: string, pageSize = RUNS_PAGE_SIZE) {
  return useInfiniteQuery({
    queryKey: ["runs", scope, sort, pageSize],
    queryFn: ({ pageParam, signal }) =>
      getJson<RunList>("runs", { ...listParams(scope), sort, limit: pageSize, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
    refetchInterval: (query) => {
      const pages = query.state.data?.pages ?? [];
      if (pages.length > LONG_LIST_PAGES) return false;
      if (pages[0]?.runs.some((run) => run.status === "running")) return RUNNING_LIST_REFRESH_MS;
      return scope.range.kind === "last" ? REFRESH_MS : false;
    },
  });
}

/** The lists of runs that were fetched, the latest first. */
export function useFetchedRunLists(): (InfiniteData<RunList> | undefined)[] {
  const cache = useQueryClient().getQueryCache();
  return cache
    .findAll({ queryKey: ["runs"] })
    .toSorted((a, b) => b.state.dataUpdatedAt - a.state.dataUpdatedAt)
    .map((query) => query.state.data as InfiniteData<RunList> | undefined);
}

/** A run with its nodes; asked again every two seconds while it runs, a very large one less often. */
export function runQuery(project: string, runId: string) {
  return queryOptions({
    queryKey: ["run", project, runId],
    queryFn: ({ signal }) => getJson<RunDetail>(`runs/${encodeURIComponent(runId)}`, { project }, signal),
    refetchInterval: (query) => {
      const { data } = query.state;
      if (data?.run.status !== "running") return false;
      return isHeavy(data) ? HEAVY_REFRESH_MS : RUNNING_REFRESH_MS;
    },
    placeholderData: undefined,
  });
}

export function useRun(project: string, runId: string) {
  return useQuery(runQuery(project, runId));
}

/** Everything of one event, content included; prefetch it for the next row. */
export function eventQuery(project: string, eventId: string) {
  return queryOptions({
    queryKey: ["event", project, eventId],
    queryFn: ({ signal }) => getJson<EventDetail>(`events/${encodeURIComponent(eventId)}`, { project }, signal),
    staleTime: 60_000,
    placeholderData: undefined,
  });
}

export function useEvent(project: string, eventId: string) {
  return useQuery(eventQuery(project, eventId));
}

export function useEvents(scope: Scope, sort: string, pageSize = RUNS_PAGE_SIZE) {
  return useInfiniteQuery({
    queryKey: ["events", scope, sort, pageSize],
    queryFn: ({ pageParam, signal }) =>
      getJson<EventList>("events", { ...listParams(scope), sort, limit: pageSize, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
  });
}

export function useKeys(project: string) {
  return useQuery({
    queryKey: ["keys", project],
    queryFn: ({ signal }) => getJson<ApiKey[]>("keys", { project }, signal),
  });
}

export function useCreateKey() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (wanted: ApiKeyRequest) => sendJson<ApiKeyCreated>("POST", "keys", wanted),
    onSuccess: () => client.invalidateQueries({ queryKey: ["keys"] }),
  });
}

export function useRevokeKey() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (keyId: string) => sendJson<void>("DELETE", `keys/${encodeURIComponent(keyId)}`),
    onSuccess: () => client.invalidateQueries({ queryKey: ["keys"] }),
  });
}

export function useSignIn() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (wanted: SignInRequest) => sendJson<unknown>("POST", "session", wanted),
    onSuccess: () => client.invalidateQueries(),
  });
}

export function useSignOut() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => sendJson<unknown>("DELETE", "session"),
    onSuccess: () => client.resetQueries(),
  });
}
