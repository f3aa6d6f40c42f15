import { describe, expect, it } from "vitest";

import { formatSort, parseSearch, parseSort, rangeOf, rangeToSearch, sharedSearch, stringifySearch } from "./url-state";

describe("addresses", () => {
  it("come back as they were written", () => {
    const search = { project: "shop & co", q: 'model:gpt-5*,o4 -status:error run_name:"a b" cost:>0.01 100%', sort: "-cost" };
    expect(parseSearch(stringifySearch(search))).toEqual(search);
  });

  it("stay readable and short", () => {
    expect(stringifySearch({ q: "model:gpt-5*", range: undefined, sort: "" })).toBe("?q=model:gpt-5*");
    expect(stringifySearch({})).toBe("");
  });

  it("hold a named range, a fixed one, or the default by silence", () => {
    expect(rangeOf({})).toEqual({ kind: "last", name: "24h" });
    expect(rangeOf({ range: "7d" })).toEqual({ kind: "last", name: "7d" });
    expect(rangeOf({ range: "soon" })).toEqual({ kind: "last", name: "24h" });
    expect(rangeToSearch({ kind: "last", name: "24h" })).toEqual({ range: undefined, from: undefined, to: undefined });
    const fixed = { kind: "between", from: "2026-11-01T00:00:00.000Z", to: "2026-11-02T00:00:00.000Z" } as const;
    expect(rangeOf(parseSearch(stringifySearch(rangeToSearch(fixed))))).toEqual(fixed);
  });

  it("ignore a fixed range that ends before it starts", () => {
    expect(rangeOf({ from: "2026-11-02T00:00:00Z", to: "2026-11-01T00:00:00Z" })).toEqual({ kind: "last", name: "24h" });
    expect(rangeOf({ from: "junk", to: "2026-11-01T00:00:00Z" })).toEqual({ kind: "last", name: "24h" });
  });

  it("hold the sort", () => {
    const fallback = { column: "start", descending: true };
    expect(parseSort(undefined, fallback)).toBe(fallback);
    expect(parseSort("-cost", fallback)).toEqual({ column: "cost", descending: true });
    expect(formatSort({ column: "cost", descending: false })).toBe("cost");
  });

  it("carry only what is shared to the next page", () => {
    expect(sharedSearch({ project: "p", q: "x", range: "7d", tz: undefined })).toEqual({ project: "p", range: "7d" });
  });
});
