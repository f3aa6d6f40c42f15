/** Dollars over time as stacked bars: drag to choose a time range, click to open a part. */

import { type RefObject, useEffect, useRef, useState } from "react";

import { formatUsd, formatUsdShort, sumUsd, usdToNumber } from "../../lib/money";
import { seriesColor } from "../../lib/series-color";
import { useTheme } from "../../lib/theme";
import { BUCKET_MS } from "../../lib/time";
import { bucketLabel, bucketTitle } from "./axis";
import type { EChartsType } from "./echarts";
import type { CostChartData, CostSeries } from "./series";

export interface StackedBarsProps {
  data: CostChartData;
  dimension: string;
  zone: string;
  label: string;
  onZoom: (from: string, to: string) => void;
  onPick: (series: CostSeries) => void;
  /** Receives the chart once it is drawn, for pictures of it. */
  chartRef: RefObject<EChartsType | null>;
  /** Series to bring forward. */
  highlighted: string | null;
}

const GRID = { left: 8, right: 16, top: 12, bottom: 4, outerBoundsMode: "same" as const };

export function StackedBars(props: StackedBarsProps) {
  const { data, dimension, zone, label, chartRef, highlighted } = props;
  const host = useRef<HTMLDivElement>(null);
  const [chart, setChart] = useState<EChartsType | null>(null);
  const theme = useTheme();
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });

  useEffect(() => {
    let made: EChartsType | null = null;
    let gone = false;
    const observer = new ResizeObserver(() => made?.resize());
    void import("./echarts").then(({ init }) => {
      if (gone || !host.current) return;
      made = init(host.current, null, { renderer: "canvas" });
      made.on("click", (event) => {
        const series = event.seriesIndex === undefined ? undefined : latest.current.data.series[event.seriesIndex];
        if (series) latest.current.onPick(series);
      });
      observer.observe(host.current);
      setChart(made);
      chartRef.current = made;
    });
    return () => {
      gone = true;
      observer.disconnect();
      made?.dispose();
      chartRef.current = null;
      setChart(null);
    };
  }, [chartRef]);

  useEffect(() => {
    chart?.setOption(chartOption(data, dimension, zone, label, highlighted), { notMerge: true });
  }, [chart, data, dimension, zone, label, theme, highlighted]);

  return <ZoomSurface host={host} chart={chart} data={data} onZoom={props.onZoom} />;
}

interface ZoomSurfaceProps {
  host: RefObject<HTMLDivElement | null>;
  chart: EChartsType | null;
  data: CostChartData;
  onZoom: (from: string, to: string) => void;
}

const DRAG_PX = 6;

function ZoomSurface({ host, chart, data, onZoom }: ZoomSurfaceProps) {
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  const start = useRef<number | null>(null);
  function place(event: React.PointerEvent<HTMLDivElement>): number {
    return event.clientX - event.currentTarget.getBoundingClientRect().left;
  }
  function bucketAt(x: number): number {
    const [index = 0] = chart?.convertFromPixel({ gridIndex: 0 }, [x, 40]) ?? [];
    return Math.min(data.buckets.length - 1, Math.max(0, index));
  }
  function finish() {
    if (drag && chart) {
      const first = data.buckets[bucketAt(Math.min(drag.from, drag.to))];
      const lastIndex = bucketAt(Math.max(drag.from, drag.to));
      const last = data.buckets[lastIndex];
      const end = data.buckets[lastIndex + 1] ?? (last && new Date(Date.parse(last) + BUCKET_MS[data.bucket]).toISOString());
      if (first && end) onZoom(first, end);
    }
    start.current = null;
    setDrag(null);
  }
  return (
    <div
      className="relative h-full touch-pan-y select-none"
      onPointerDown={(event) => {
        if (event.button === 0 && event.pointerType !== "touch") start.current = place(event);
      }}
      onPointerMove={(event) => {
        if (start.current === null) return;
        const to = place(event);
        if (drag || Math.abs(to - start.current) > DRAG_PX) setDrag({ from: start.current, to });
      }}
      onPointerUp={finish}
      onPointerLeave={() => {
        start.current = null;
        setDrag(null);
      }}
    >
      <div ref={host} className="h-full w-full" />
      {drag ? (
        <div
          className="pointer-events-none absolute inset-y-0 border-x border-accent bg-accent/15"
          style={{ left: Math.min(drag.from, drag.to), width: Math.abs(drag.to - drag.from) }}
        />
      ) : null}
    </div>
  );
}

function cssValue(name: string): string {
  const style = getComputedStyle(document.documentElement);
  const variable = /^var\((--[\w-]+)\)$/.exec(name)?.[1] ?? name;
  return style.getPropertyValue(variable).trim();
}

function chartOption(data: CostChartData, dimension: string, zone: string, label: string, highlighted: string | null) {
  const ink = cssValue("--ink-3");
  const line = cssValue("--line");
  return {
    animation: false,
    aria: { enabled: true, label: { description: label } },
    grid: GRID,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    tooltip: {
      trigger: "axis",
      axisPointer: { type: "shadow", shadowStyle: { color: cssValue("--ink-3"), opacity: 0.08 } },
      confine: true,
      padding: 0,
      borderWidth: 1,
      borderColor: cssValue("--line-strong"),
      backgroundColor: cssValue("--raised"),
      textStyle: { color: cssValue("--ink"), fontSize: 12 },
      formatter: (points: unknown) => tooltipElement(data, dimension, zone, points),
    },
    xAxis: {
      type: "category",
      data: data.buckets.map((start) => bucketLabel(start, data.bucket, zone, data.buckets.length)),
      axisLine: { lineStyle: { color: line } },
      axisTick: { show: false },
      axisLabel: { color: ink, fontSize: 11, hideOverlap: true },
    },
    yAxis: {
      type: "value",
      splitNumber: 4,
      axisLabel: { color: ink, fontSize: 11, formatter: (value: number) => formatUsdShort(value.toFixed(12)) },
      splitLine: { lineStyle: { color: line } },
    },
    series: data.series.map((series) => ({
      type: "bar",
      name: series.label,
      stack: "cost",
      barCategoryGap: data.buckets.length > 60 ? "12%" : "24%",
      barMaxWidth: 36,
      itemStyle: {
        color: cssValue(seriesColor(dimension, series.isRest ? null : series.key)),
        opacity: highlighted === null || highlighted === series.label ? 1 : 0.2,
      },
      emphasis: { disabled: true },
      data: series.usd.map(usdToNumber),
    })),
  };
}

const SHOWN_LINES = 12;

/** Built from nodes, so that no name of a model or customer is ever read as HTML. */
function tooltipElement(data: CostChartData, dimension: string, zone: string, points: unknown): HTMLElement {
  const index = Array.isArray(points) && hasIndex(points[0]) ? points[0].dataIndex : 0;
  const box = document.createElement("div");
  box.className = "min-w-44 p-2 text-xs text-ink";
  const amounts = data.series.map((series) => ({ series, usd: series.usd[index] ?? "0" })).filter((line) => usdToNumber(line.usd) !== 0);
  box.append(tooltipLine(bucketTitle(data.buckets[index] ?? "", data.bucket, zone), formatUsd(sumUsd(amounts.map((line) => line.usd))), null));
  for (const { series, usd } of amounts.slice(0, SHOWN_LINES)) {
    box.append(tooltipLine(series.label, formatUsd(usd), seriesColor(dimension, series.isRest ? null : series.key)));
  }
  return box;
}

function hasIndex(point: unknown): point is { dataIndex: number } {
  return typeof point === "object" && point !== null && "dataIndex" in point && typeof point.dataIndex === "number";
}

function tooltipLine(name: string, amount: string, color: string | null): HTMLElement {
  const row = document.createElement("div");
  row.className = color ? "flex items-center gap-2 py-px" : "flex items-center gap-2 pb-1 font-semibold";
  if (color) {
    const dot = document.createElement("span");
    dot.className = "size-2 shrink-0 rounded-xs";
    dot.style.background = color;
    row.append(dot);
  }
  const title = document.createElement("span");
  title.className = "max-w-56 flex-1 truncate";
  title.textContent = name;
  const value = document.createElement("span");
  value.className = "tabular-nums";
  value.textContent = amount;
  row.append(title, value);
  return row;
}
