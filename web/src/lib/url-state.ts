/** What of the page is in its address: parsing, writing and the defaults that are left out. */

import { browserZone, DEFAULT_RANGE, isRangeName, isZone, type TimeRange } from "./time";

/**
 * The search part of the address. All values are text; a missing one stands for its default, so addresses stay
 * short. A page may use names of its own; they survive parsing unchanged.
 */
export interface UrlSearch {
  project?: string | undefined;
  range?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  /** Zone of all shown times; the browser's when missing. */
  tz?: string | undefined;
  /** Filter text. */
  q?: string | undefined;
  /** Column, with a leading `-` for descending. */
  sort?: string | undefined;
  cols?: string | undefined;
  density?: string | undefined;
  tab?: string | undefined;
  view?: string | undefined;
  /** Run that is shown beside the list. */
  peek?: string | undefined;
  /** Open event of a run. */
  event?: string | undefined;
  /** Dimension of the cost chart. */
  by?: string | undefined;
  [name: string]: string | undefined;
}

/** Parts of the address that follow the reader from page to page. */
export const SHARED_SEARCH = ["project", "range", "from", "to", "tz"] as const;

export function parseSearch(text: string): UrlSearch {
  const search: UrlSearch = {};
  for (const [name, value] of new URLSearchParams(text)) {
    if (value !== "") search[name] = value;
  }
  return search;
}

export function stringifySearch(search: Record<string, unknown>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) {
    if (value !== undefined && value !== null && value !== "") params.set(name, String(value));
  }
  // Readable addresses: these characters need no escape in a query, and filters are full of them.
  const text = params.toString().replace(/%3A/g, ":").replace(/%2C/g, ",").replace(/%2F/g, "/").replace(/%2A/g, "*");
  return text === "" ? "" : `?${text}`;
}

export function rangeOf(search: UrlSearch): TimeRange {
  if (search.from && search.to) {
    const from = Date.parse(search.from);
    const to = Date.parse(search.to);
    if (from < to) return { kind: "between", from: new Date(from).toISOString(), to: new Date(to).toISOString() };
  }
  return { kind: "last", name: isRangeName(search.range) ? search.range : DEFAULT_RANGE };
}

/** The change of address that sets a range. */
export function rangeToSearch(range: TimeRange): Pick<UrlSearch, "range" | "from" | "to"> {
  if (range.kind === "between") return { range: undefined, from: range.from, to: range.to };
  return { range: range.name === DEFAULT_RANGE ? undefined : range.name, from: undefined, to: undefined };
}

export function projectOf(search: UrlSearch): string {
  return search.project ?? "default";
}

export function zoneOf(search: UrlSearch): string {
  return search.tz && isZone(search.tz) ? search.tz : browserZone();
}

export interface Sort {
  column: string;
  descending: boolean;
}

export function parseSort(text: string | undefined, fallback: Sort): Sort {
  if (!text) return fallback;
  return text.startsWith("-") ? { column: text.slice(1), descending: true } : { column: text, descending: false };
}

export function formatSort(sort: Sort): string {
  return (sort.descending ? "-" : "") + sort.column;
}

/** Shared part of an address, for links to another page. */
export function sharedSearch(search: UrlSearch): UrlSearch {
  return Object.fromEntries(SHARED_SEARCH.map((name) => [name, search[name]]).filter(([, value]) => value));
}
