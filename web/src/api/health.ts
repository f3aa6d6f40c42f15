/** What the page of data health asks. */

import { useQuery } from "@tanstack/react-query";

import { getJson } from "./client";
import { listParams, type Scope } from "./queries";
import type { DataHealth, DeadLetterList } from "./types";

const REFRESH_MS = 15_000;

export interface HealthScope extends Omit<Scope, "q"> {
  /** Only this service. */
  service: string | undefined;
}

/** How complete the data is that arrived in the range. */
export function useDataHealth(scope: HealthScope) {
  return useQuery({
    queryKey: ["data-health", scope],
    queryFn: ({ signal }) => getJson<DataHealth>("health/data", { ...listParams(scope), service: scope.service }, signal),
    refetchInterval: scope.range.kind === "last" ? REFRESH_MS : false,
  });
}

/** The latest records that were refused for a reason, as they came. */
export function useDeadLetters(scope: HealthScope, reason: string) {
  return useQuery({
    queryKey: ["dead-letters", scope, reason],
    queryFn: ({ signal }) =>
      getJson<DeadLetterList>("health/dead-letters", { ...listParams(scope), service: scope.service, reason }, signal),
    placeholderData: undefined,
  });
}
