/** The tree of a run: parents and children, depths, and sums rolled up from calls to the spans around them. */

import type { RunNode } from "../../api/types";
import { parseUsd } from "../../lib/money";

/** What a node and everything below it add up to. */
export interface Rollup {
  /** Sum of the known costs, in 10⁻¹² dollars. */
  usd: bigint;
  calls: number;
  unpriced: number;
  estimated: number;
  input_tokens: number;
  output_tokens: number;
  errors: number;
}

/** A span or call with its place in the tree. */
export interface TraceNode {
  node: RunNode;
  parent: TraceNode | null;
  children: TraceNode[];
  depth: number;
  start_ms: number;
  /** Own end, or the last end below it where the node has none yet. */
  end_ms: number;
  total: Rollup;
}

/** A whole run, ready to be shown. */
export interface Trace {
  roots: TraceNode[];
  byId: Map<string, TraceNode>;
  /** Depth-first order with everything unfolded. */
  order: TraceNode[];
  start_ms: number;
  end_ms: number;
}

const NOTHING: Rollup = { usd: 0n, calls: 0, unpriced: 0, estimated: 0, input_tokens: 0, output_tokens: 0, errors: 0 };

function ownRollup(node: RunNode): Rollup {
  // Another record of the same provider call is counted in its place.
  if (node.merged_into) return { ...NOTHING };
  const call = node.type === "call";
  return {
    usd: node.cost_usd === null ? 0n : (parseUsd(node.cost_usd) ?? 0n),
    calls: call ? 1 : 0,
    unpriced: node.cost_state === "unpriced" ? 1 : 0,
    estimated: node.cost_state === "estimated" ? 1 : 0,
    input_tokens: node.input_tokens ?? 0,
    output_tokens: node.output_tokens ?? 0,
    errors: node.status === "error" ? 1 : 0,
  };
}

function ownEnd(node: RunNode, elapsed_ms: number): number {
  if (node.duration_ms !== null) return node.start_offset_ms + node.duration_ms;
  return node.status === "running" ? Math.max(node.start_offset_ms, elapsed_ms) : node.start_offset_ms;
}

function addRollup(into: Rollup, part: Rollup): void {
  into.usd += part.usd;
  into.calls += part.calls;
  into.unpriced += part.unpriced;
  into.estimated += part.estimated;
  into.input_tokens += part.input_tokens;
  into.output_tokens += part.output_tokens;
  into.errors += part.errors;
}

function byStart(a: TraceNode, b: TraceNode): number {
  return a.start_ms - b.start_ms || (a.node.event_id < b.node.event_id ? -1 : 1);
}

function attach(nodes: TraceNode[]): TraceNode[] {
  const bySpan = new Map<string, TraceNode>();
  for (const item of nodes) if (item.node.span_id !== null) bySpan.set(item.node.span_id, item);
  const roots: TraceNode[] = [];
  for (const item of nodes) {
    const parent = item.node.parent_span_id === null ? undefined : bySpan.get(item.node.parent_span_id);
    if (parent === undefined || parent === item) {
      roots.push(item);
    } else {
      item.parent = parent;
      parent.children.push(item);
    }
  }
  return roots;
}

/** Spans that name each other as parents hang below no root: each such ring is opened at its earliest span. */
function openRings(items: readonly TraceNode[], roots: TraceNode[]): void {
  const order = walk(roots);
  if (order.length === items.length) return;
  const reached = new Set(order);
  for (const item of items.filter((one) => !reached.has(one)).sort(byStart)) {
    if (reached.has(item)) continue;
    if (item.parent) item.parent.children = item.parent.children.filter((child) => child !== item);
    item.parent = null;
    roots.push(item);
    for (const below of walk([item])) reached.add(below);
  }
}

/** Depth-first, without recursion: a run may be thousands of levels deep. */
function walk(roots: readonly TraceNode[]): TraceNode[] {
  const order: TraceNode[] = [];
  const stack = [...roots].reverse();
  while (stack.length > 0) {
    const item = stack.pop();
    if (item === undefined) break;
    item.depth = item.parent === null ? 0 : item.parent.depth + 1;
    order.push(item);
    for (let i = item.children.length - 1; i >= 0; i -= 1) {
      const child = item.children[i];
      if (child !== undefined) stack.push(child);
    }
  }
  return order;
}

/**
 * Tree of the nodes; a node whose parent is absent is a root, so that none is ever hidden.
 * `elapsed_ms` is the age of a run that still runs: its running spans reach as far.
 */
export function buildTrace(nodes: readonly RunNode[], elapsed_ms = 0): Trace {
  const items: TraceNode[] = nodes.map((node) => ({
    node,
    parent: null,
    children: [],
    depth: 0,
    start_ms: node.start_offset_ms,
    end_ms: ownEnd(node, elapsed_ms),
    total: ownRollup(node),
  }));
  const roots = attach(items);
  openRings(items, roots);
  roots.sort(byStart);
  for (const item of items) item.children.sort(byStart);
  const order = walk(roots);
  for (let i = order.length - 1; i >= 0; i -= 1) {
    const item = order[i];
    if (item?.parent) {
      addRollup(item.parent.total, item.total);
      if (item.parent.node.duration_ms === null) item.parent.end_ms = Math.max(item.parent.end_ms, item.end_ms);
    }
  }
  let start_ms = 0;
  let end_ms = 0;
  for (const item of order) {
    start_ms = Math.min(start_ms, item.start_ms);
    end_ms = Math.max(end_ms, item.end_ms);
  }
  return { roots, byId: new Map(items.map((item) => [item.node.event_id, item])), order, start_ms, end_ms };
}

/** Does a node match what was typed? Name, model, provider and error are searched, case-insensitively. */
export function matchesText(item: TraceNode, text: string): boolean {
  const needle = text.trim().toLowerCase();
  if (needle === "") return true;
  const { name, model, provider, error_type, operation, kind } = item.node;
  return [name, model, provider, error_type, operation, kind].some((part) => part?.toLowerCase().includes(needle) ?? false);
}

/**
 * Rows to draw, in order. Folded nodes hide what is below them; a search shows the hits and the way to them,
 * whatever is folded.
 */
export function visibleRows(trace: Trace, folded: ReadonlySet<string>, search: string): TraceNode[] {
  if (search.trim() !== "") {
    const keep = new Set<TraceNode>();
    for (const item of trace.order) {
      if (!matchesText(item, search)) continue;
      for (let up: TraceNode | null = item; up !== null && !keep.has(up); up = up.parent) keep.add(up);
    }
    return trace.order.filter((item) => keep.has(item));
  }
  const rows: TraceNode[] = [];
  let hiddenBelow = Number.POSITIVE_INFINITY;
  for (const item of trace.order) {
    if (item.depth > hiddenBelow) continue;
    hiddenBelow = folded.has(item.node.event_id) ? item.depth : Number.POSITIVE_INFINITY;
    rows.push(item);
  }
  return rows;
}
