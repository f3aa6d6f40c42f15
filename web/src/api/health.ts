/** What the page of data health asks. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { getJson, sendJson } from "./client";
import { listParams, type Scope } from "./queries";
import type { DataHealth, DeadLetterList, ReplayAnswer } from "./types";

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

/** Decides again about all refused records of a project; the sums of what became of them. */
export function useReplay(project: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async () => {
      const sums = { stored: 0, duplicates: 0, refused: 0 };
      let after: string | undefined;
      do {
        const answer = await sendJson<ReplayAnswer>("POST", "health/dead-letters/replay", {}, { project, after });
        sums.stored += answer.stored;
        sums.duplicates += answer.duplicates;
        sums.refused += answer.refused.length;
        const following = answer.next_after ?? undefined;
        // Nothing moves when more than a page of them came in one moment: what is behind them stays as it is.
        after = following === after ? undefined : following;
      } while (after !== undefined);
      return sums;
    },
    onSuccess: () => client.invalidateQueries(),
  });
}
