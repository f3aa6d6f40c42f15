/** The runs before and after one, in the list that the reader came from. */

export interface Neighbours {
  previous: string | null;
  next: string | null;
}

interface Listed {
  pages: readonly { runs: readonly { run_id: string }[] }[];
}

/** Looks into the lists in their order; the first that has the run counts. */
export function neighboursOf(lists: readonly (Listed | undefined)[], runId: string): Neighbours {
  for (const list of lists) {
    const ids = list?.pages.flatMap((page) => page.runs.map((run) => run.run_id)) ?? [];
    const at = ids.indexOf(runId);
    if (at >= 0) return { previous: ids[at - 1] ?? null, next: ids[at + 1] ?? null };
  }
  return { previous: null, next: null };
}
