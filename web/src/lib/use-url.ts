/** Reading and changing the address from components. */

import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";

import type { TimeRange } from "./time";
import { projectOf, rangeOf, type UrlSearch, zoneOf } from "./url-state";

export interface UrlState {
  search: UrlSearch;
  project: string;
  range: TimeRange;
  zone: string;
  /** Merges into the address; `undefined` removes a part. `replace` leaves no entry in the history. */
  set: (patch: UrlSearch, options?: { replace?: boolean }) => void;
}

export function useUrl(): UrlState {
  const search: UrlSearch = useSearch({ strict: false });
  const navigate = useNavigate();
  const set = useCallback(
    (patch: UrlSearch, options?: { replace?: boolean }) => {
      void navigate({
        to: ".",
        search: (before: UrlSearch) => ({ ...before, ...patch }),
        replace: options?.replace ?? false,
        resetScroll: false,
      });
    },
    [navigate],
  );
  return { search, project: projectOf(search), range: rangeOf(search), zone: zoneOf(search), set };
}
