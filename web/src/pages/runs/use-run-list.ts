/** The chosen row of the list, the peek beside it, and the keys that move both. */

import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type RefObject, useCallback, useMemo, useState } from "react";

import { runQuery } from "../../api/queries";
import type { RunSummary } from "../../api/types";
import { useShortcuts } from "../../lib/use-shortcuts";
import type { UrlState } from "../../lib/use-url";

/** Survives a visit to a run, so that j and k go on from where the reader was. */
let lastChosen: string | null = null;

export interface RunList {
  /** Index of the chosen row, -1 for none. */
  active: number;
  choose: (index: number) => void;
  /** A click: shows the run beside the list, or opens it where there is no room. */
  pick: (run: RunSummary) => void;
  closePeek: () => void;
}

export interface RunListOptions {
  url: UrlState;
  rows: readonly RunSummary[];
  filterInput: RefObject<HTMLInputElement | null>;
  canPeek: boolean;
}

export function useRunList({ url, rows, filterInput, canPeek }: RunListOptions): RunList {
  const { search, project, set } = url;
  const peek = canPeek ? search.peek : undefined;
  const navigate = useNavigate();
  const client = useQueryClient();
  const [chosen, setChosen] = useState(lastChosen);
  const activeId = peek ?? chosen;
  const active = activeId === null ? -1 : rows.findIndex((run) => run.run_id === activeId);

  const show = useCallback((id: string | undefined) => set({ peek: id }, { replace: true }), [set]);
  const choose = useCallback(
    (index: number) => {
      const run = rows[index];
      lastChosen = run?.run_id ?? null;
      setChosen(lastChosen);
      if (!run) return;
      if (peek !== undefined) show(run.run_id);
      else void client.prefetchQuery(runQuery(project, run.run_id));
    },
    [rows, peek, show, client, project],
  );
  const open = useCallback(
    (run: RunSummary) => void navigate({ to: "/runs/$runId", params: { runId: run.run_id }, search: {} }),
    [navigate],
  );
  const pick = useCallback((run: RunSummary) => (canPeek ? show(run.run_id) : open(run)), [canPeek, show, open]);
  const closePeek = useCallback(() => show(undefined), [show]);

  const shortcuts = useMemo(() => {
    const current = rows[active];
    return [
      { keys: "j", label: "Next run", run: () => choose(Math.min(rows.length - 1, active + 1)) },
      { keys: "k", label: "Previous run", run: () => choose(Math.max(0, active - 1)) },
      { keys: "enter", label: "Open the run", run: () => current && open(current) },
      { keys: "p", label: "Peek at the run", run: () => (peek === undefined ? current && pick(current) : closePeek()) },
      { keys: "escape", label: "Close the peek, then leave the row", run: () => (peek === undefined ? choose(-1) : closePeek()) },
      { keys: "/", label: "Filter", run: () => filterInput.current?.focus() },
    ].map((shortcut) => ({ ...shortcut, group: "Runs" }));
  }, [rows, active, peek, choose, open, pick, closePeek, filterInput]);
  useShortcuts(shortcuts);
  return { active, choose, pick, closePeek };
}
