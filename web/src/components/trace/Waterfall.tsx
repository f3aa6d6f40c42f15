/** The canvas of the waterfall: follows the scroll position of the tree beside it. */

import { type RefObject, useEffect, useRef } from "react";

import { useTheme } from "../../lib/theme";
import { kindStyle } from "./kinds";
import type { TraceNode } from "./tree";
import { drawWaterfall, type TimeSpan, timeTicks, type WaterfallColors } from "./timeline";

export interface WaterfallProps {
  scroller: RefObject<HTMLDivElement | null>;
  rows: readonly TraceNode[];
  rowHeight: number;
  width: number;
  height: number;
  time: TimeSpan;
}

/** Pixels between two time marks. */
export const TICK_SPACING_PX = 96;

function readColors(): { colors: WaterfallColors; variable: (name: string) => string } {
  const computed = getComputedStyle(document.documentElement);
  const variable = (name: string) => computed.getPropertyValue(name).trim();
  return {
    variable,
    colors: {
      error: variable("--bad"),
      running: variable("--accent"),
      first_token: variable("--ink"),
      grid: variable("--line"),
    },
  };
}

export function Waterfall({ scroller, rows, rowHeight, width, height, time }: WaterfallProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme();

  useEffect(() => {
    const element = canvas.current;
    const box = scroller.current;
    const ctx = element?.getContext("2d");
    if (!element || !box || !ctx || width <= 0 || height <= 0) return undefined;
    const ratio = window.devicePixelRatio || 1;
    element.width = Math.round(width * ratio);
    element.height = Math.round(height * ratio);
    const { colors, variable } = readColors();
    const ticks = timeTicks(time, width / TICK_SPACING_PX);
    let frame = 0;
    const draw = () => {
      frame = 0;
      const scroll_top = box.scrollTop;
      const first = Math.floor(scroll_top / rowHeight);
      const colorOf = (item: TraceNode) => variable(kindStyle(item.node.kind).color);
      drawWaterfall(
        ctx,
        { rows, first, scroll_top, row_height: rowHeight, width, height, time, ticks, colors, colorOf },
        ratio,
      );
    };
    const schedule = () => {
      if (frame === 0) frame = requestAnimationFrame(draw);
    };
    draw();
    box.addEventListener("scroll", schedule, { passive: true });
    return () => {
      box.removeEventListener("scroll", schedule);
      if (frame !== 0) cancelAnimationFrame(frame);
    };
  }, [scroller, rows, rowHeight, width, height, time, theme]);

  return <canvas ref={canvas} aria-hidden className="pointer-events-none block" style={{ width, height }} />;
}
