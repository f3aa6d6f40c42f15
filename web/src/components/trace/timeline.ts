/** Drawing of the waterfall: bars on a canvas, one row a node, for the rows that are on screen. */

import type { TraceNode } from "./tree";

/** The part of the run's time that is on screen. */
export interface TimeSpan {
  from_ms: number;
  to_ms: number;
}

export interface WaterfallColors {
  first_token: string;
  error: string;
  running: string;
  grid: string;
}

export interface WaterfallFrame {
  rows: readonly TraceNode[];
  first: number;
  scroll_top: number;
  row_height: number;
  width: number;
  height: number;
  time: TimeSpan;
  ticks: readonly number[];
  colors: WaterfallColors;
  colorOf: (item: TraceNode) => string;
}

const MIN_BAR_PX = 2;
const BAR_INSET_PX = 8;

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** Steps of a clock, for spans above ten seconds. */
const CLOCK_STEPS_MS = [
  ...[10, 15, 30].map((seconds) => seconds * SECOND_MS),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE_MS),
  ...[1, 2, 3, 6, 12, 24].map((hours) => hours * HOUR_MS),
];

/** The smallest round step that is not below `rough`: 1, 2, 5 × 10ⁿ ms, then the steps of a clock, then days. */
function roundStep(rough: number): number {
  if (rough > 24 * HOUR_MS) return Math.ceil(rough / (24 * HOUR_MS)) * 24 * HOUR_MS;
  if (rough > 5 * SECOND_MS) return CLOCK_STEPS_MS.find((step) => step >= rough) ?? 24 * HOUR_MS;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough) ?? 10 * power;
}

/** Times at round steps that cut the span into at most about `count` parts. */
export function timeTicks(time: TimeSpan, count: number): number[] {
  const length = time.to_ms - time.from_ms;
  if (!(length > 0) || count < 1) return [];
  const step = roundStep(length / count);
  const ticks: number[] = [];
  for (let at = Math.ceil(time.from_ms / step) * step; at <= time.to_ms + step / 1e6; at += step) ticks.push(at);
  return ticks;
}

/** Pixel of a time. */
export function timeToX(at_ms: number, time: TimeSpan, width: number): number {
  return ((at_ms - time.from_ms) / Math.max(time.to_ms - time.from_ms, 1e-9)) * width;
}

/** Zoom by `factor` (below 1 zooms in) around the time under `x`, kept within `bounds`. */
export function zoomAt(time: TimeSpan, bounds: TimeSpan, x: number, width: number, factor: number): TimeSpan {
  const at = time.from_ms + (x / Math.max(width, 1)) * (time.to_ms - time.from_ms);
  const length = Math.min(Math.max((time.to_ms - time.from_ms) * factor, 0.01), bounds.to_ms - bounds.from_ms);
  return clampTo({ from_ms: at - (x / Math.max(width, 1)) * length, to_ms: at + (1 - x / Math.max(width, 1)) * length }, bounds);
}

/** Move by pixels, kept within `bounds`. */
export function panBy(time: TimeSpan, bounds: TimeSpan, pixels: number, width: number): TimeSpan {
  const shift = (pixels / Math.max(width, 1)) * (time.to_ms - time.from_ms);
  return clampTo({ from_ms: time.from_ms + shift, to_ms: time.to_ms + shift }, bounds);
}

function clampTo(time: TimeSpan, bounds: TimeSpan): TimeSpan {
  const length = time.to_ms - time.from_ms;
  if (length >= bounds.to_ms - bounds.from_ms) return bounds;
  const from_ms = Math.min(Math.max(time.from_ms, bounds.from_ms), bounds.to_ms - length);
  return { from_ms, to_ms: from_ms + length };
}

function drawGrid(ctx: CanvasRenderingContext2D, frame: WaterfallFrame): void {
  ctx.fillStyle = frame.colors.grid;
  for (const tick of frame.ticks) ctx.fillRect(Math.round(timeToX(tick, frame.time, frame.width)), 0, 1, frame.height);
}

function drawBar(ctx: CanvasRenderingContext2D, frame: WaterfallFrame, item: TraceNode, y: number): void {
  const { node } = item;
  const left = timeToX(item.start_ms, frame.time, frame.width);
  const right = timeToX(item.end_ms, frame.time, frame.width);
  if (right < 0 || left > frame.width) return;
  const x = Math.max(left, -4);
  const width = Math.max(Math.min(right, frame.width + 4) - x, MIN_BAR_PX);
  const height = frame.row_height - 2 * BAR_INSET_PX;
  ctx.globalAlpha = node.type === "span" ? 0.45 : 1;
  ctx.fillStyle = node.status === "error" ? frame.colors.error : node.status === "running" ? frame.colors.running : frame.colorOf(item);
  ctx.beginPath();
  ctx.roundRect(x, y + BAR_INSET_PX, width, height, 2);
  ctx.fill();
  ctx.globalAlpha = 1;
  if (node.time_to_first_token_ms !== null) {
    const at = timeToX(item.start_ms + node.time_to_first_token_ms, frame.time, frame.width);
    ctx.fillStyle = frame.colors.first_token;
    ctx.fillRect(Math.round(at) - 1, y + BAR_INSET_PX - 2, 2, height + 4);
  }
}

/** Draw one frame. Cost is that of the rows on screen, however many the run has. */
export function drawWaterfall(ctx: CanvasRenderingContext2D, frame: WaterfallFrame, pixelRatio: number): void {
  ctx.setTransform(pixelRatio, 0, 0, pixelRatio, 0, 0);
  ctx.clearRect(0, 0, frame.width, frame.height);
  drawGrid(ctx, frame);
  const last = Math.min(frame.rows.length, frame.first + Math.ceil(frame.height / frame.row_height) + 1);
  for (let index = frame.first; index < last; index += 1) {
    const item = frame.rows[index];
    if (item !== undefined) drawBar(ctx, frame, item, index * frame.row_height - frame.scroll_top);
  }
}

/** Text of a time mark: `0`, `250 ms`, `2.5 s`, `10m`, `1h 30m`. */
export function tickLabel(at_ms: number): string {
  if (at_ms === 0) return "0";
  if (at_ms < 0) return `−${tickLabel(-at_ms)}`;
  if (at_ms < SECOND_MS) return `${Number(at_ms.toPrecision(3))} ms`;
  if (at_ms < MINUTE_MS) return `${Number((at_ms / SECOND_MS).toPrecision(4))} s`;
  const hours = Math.floor(at_ms / HOUR_MS);
  const minutes = Math.floor((at_ms % HOUR_MS) / MINUTE_MS);
  const seconds = Math.round((at_ms % MINUTE_MS) / SECOND_MS);
  return [hours > 0 ? `${hours}h` : "", minutes > 0 ? `${minutes}m` : "", seconds > 0 ? `${seconds}s` : ""].filter(Boolean).join(" ");
}
