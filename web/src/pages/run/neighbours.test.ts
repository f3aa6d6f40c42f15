import { describe, expect, it } from "vitest";

import { neighboursOf } from "./neighbours";

function list(...pages: string[][]) {
  return { pages: pages.map((ids) => ({ runs: ids.map((run_id) => ({ run_id })) })) };
}

describe("neighboursOf", () => {
  it("goes from page to page of the first list that has the run", () => {
    const lists = [undefined, list(["x"]), list(["a", "b"], ["c"]), list(["c", "b", "a"])];
    expect(neighboursOf(lists, "b")).toEqual({ previous: "a", next: "c" });
    expect(neighboursOf(lists, "a")).toEqual({ previous: null, next: "b" });
    expect(neighboursOf(lists, "c")).toEqual({ previous: "b", next: null });
  });

  it("has none for a run that was opened by its link", () => {
    expect(neighboursOf([], "a")).toEqual({ previous: null, next: null });
  });
});
