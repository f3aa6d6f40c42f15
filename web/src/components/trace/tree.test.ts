import { describe, expect, it } from "vitest";

import type { RunNode } from "../../api/types";
import { buildTrace, visibleRows } from "./tree";

function node(id: string, parent: string | null, patch: Partial<RunNode> = {}): RunNode {
  return {
    event_id: id,
    span_id: id,
    parent_span_id: parent,
    type: "span",
    kind: "step",
    name: id,
    status: "ok",
    start_offset_ms: 0,
    duration_ms: 10,
    time_to_first_token_ms: null,
    provider: null,
    model: null,
    operation: null,
    cost_usd: null,
    cost_state: null,
    input_tokens: null,
    output_tokens: null,
    attempt: 0,
    error_type: null,
    customer_id: null,
    merged_into: null,
    synthetic: false,
    ...patch,
  };
}

function call(id: string, parent: string | null, cost_usd: string | null, patch: Partial<RunNode> = {}): RunNode {
  return node(id, parent, {
    type: "call",
    kind: "llm",
    cost_usd,
    cost_state: cost_usd === null ? "unpriced" : "priced",
    input_tokens: 100,
    output_tokens: 20,
    ...patch,
  });
}

describe("buildTrace", () => {
  it("rolls costs and tokens up exactly, and counts what has no price", () => {
    const trace = buildTrace([
      node("run", null),
      node("agent", "run"),
      call("a", "agent", "0.1"),
      call("b", "agent", "0.2"),
      call("c", "run", null),
    ]);
    const agent = trace.byId.get("agent");
    expect(agent?.total.usd).toBe(300_000_000_000n);
    expect(agent?.total.unpriced).toBe(0);
    const run = trace.byId.get("run");
    expect(run?.total).toMatchObject({ usd: 300_000_000_000n, calls: 3, unpriced: 1, input_tokens: 300, output_tokens: 60 });
  });

  it("orders children by start and keeps orphans as roots", () => {
    const trace = buildTrace([
      call("late", "run", "1", { start_offset_ms: 50 }),
      call("early", "run", "1", { start_offset_ms: 5 }),
      node("run", null),
      call("orphan", "never-received", "1", { start_offset_ms: 60 }),
    ]);
    expect(trace.order.map((item) => item.node.event_id)).toEqual(["run", "early", "late", "orphan"]);
    expect(trace.order.map((item) => item.depth)).toEqual([0, 1, 1, 0]);
  });

  it("takes the end of a running span from what is below it", () => {
    const trace = buildTrace([
      node("run", null, { status: "running", duration_ms: null }),
      call("a", "run", "1", { start_offset_ms: 40, duration_ms: 60 }),
    ]);
    expect(trace.byId.get("run")?.end_ms).toBe(100);
  });

  it("draws what still runs up to the present, and what was given up only as far as it is known", () => {
    const trace = buildTrace(
      [
        node("run", null, { status: "running", duration_ms: null }),
        node("given up", "run", { status: "abandoned", duration_ms: null, start_offset_ms: 10 }),
        node("ended", "run", { start_offset_ms: 20, duration_ms: 30 }),
      ],
      5_000,
    );
    const ends = ["run", "given up", "ended"].map((id) => trace.byId.get(id)?.end_ms);
    expect(ends).toEqual([5_000, 10, 50]);
    expect(trace.end_ms).toBe(5_000);
  });

  it("shows spans that name each other as parents, once each", () => {
    const trace = buildTrace([
      node("run", null),
      node("b", "a", { start_offset_ms: 2 }),
      node("a", "b", { start_offset_ms: 1 }),
      call("inside", "b", "0.5", { start_offset_ms: 3 }),
      node("self", "self", { start_offset_ms: 9 }),
    ]);
    expect(trace.order.map((item) => [item.node.event_id, item.depth])).toEqual([
      ["run", 0],
      ["a", 0],
      ["b", 1],
      ["inside", 2],
      ["self", 0],
    ]);
    expect(trace.byId.get("a")?.total.usd).toBe(500_000_000_000n);
  });

  it("walks ten thousand levels without a stack overflow", () => {
    const nodes = [node("0", null)];
    for (let level = 1; level < 10_000; level += 1) nodes.push(node(String(level), String(level - 1)));
    expect(buildTrace(nodes).order.at(-1)?.depth).toBe(9_999);
  });
});

describe("visibleRows", () => {
  const trace = buildTrace([
    node("run", null),
    node("agent", "run"),
    call("needle", "agent", "1"),
    node("other", "run"),
    call("hay", "other", "1"),
  ]);
  const ids = (rows: ReturnType<typeof visibleRows>) => rows.map((item) => item.node.event_id);

  it("hides what is below a folded node", () => {
    expect(ids(visibleRows(trace, new Set(["agent"]), ""))).toEqual(["run", "agent", "other", "hay"]);
  });

  it("shows hits of a search with the way to them, folded or not", () => {
    expect(ids(visibleRows(trace, new Set(["agent"]), "NEEDLE"))).toEqual(["run", "agent", "needle"]);
  });

  it("is empty when nothing matches", () => {
    expect(visibleRows(trace, new Set(), "nowhere")).toEqual([]);
  });

  it("counts a record that is charged elsewhere in no sum", () => {
    const twin = call("twin", "run", null, { merged_into: "other", cost_state: null, status: "error" });
    const total = buildTrace([node("run", null), call("own", "run", "0.2"), twin]).byId.get("run")?.total;
    expect(total).toMatchObject({ usd: 200_000_000_000n, calls: 1, unpriced: 0, input_tokens: 100, errors: 0 });
  });
});
