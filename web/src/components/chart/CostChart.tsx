/** The chart with what belongs to it: legend, table of the same data, CSV and picture. */

import { ChartColumn, Download, Image, Table2 } from "lucide-react";
import { useRef, useState } from "react";

import { formatUsd, formatUsdExact } from "../../lib/money";
import { seriesColor } from "../../lib/series-color";
import { IconButton } from "../core/Button";
import { bucketTitle } from "./axis";
import type { EChartsType } from "./echarts";
import { type CostChartData, type CostSeries, seriesToCsv } from "./series";
import { StackedBars } from "./StackedBars";

export interface CostChartProps {
  data: CostChartData;
  dimension: string;
  zone: string;
  label: string;
  fileName: string;
  onZoom: (from: string, to: string) => void;
  onPick: (series: CostSeries) => void;
}

function download(name: string, href: string): void {
  const link = document.createElement("a");
  link.download = name;
  link.href = href;
  link.click();
}

export function CostChart(props: CostChartProps) {
  const { data, dimension, zone, fileName, onPick } = props;
  const [asTable, setAsTable] = useState(false);
  const [highlighted, setHighlighted] = useState<string | null>(null);
  const chartRef = useRef<EChartsType | null>(null);
  function saveCsv() {
    const url = URL.createObjectURL(new Blob([seriesToCsv(data)], { type: "text/csv" }));
    download(`${fileName}.csv`, url);
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }
  function savePng() {
    const backgroundColor = getComputedStyle(document.documentElement).getPropertyValue("--surface").trim();
    const picture = chartRef.current?.getDataURL({ type: "png", pixelRatio: 2, backgroundColor });
    if (picture) download(`${fileName}.png`, picture);
  }
  return (
    <div className="flex flex-col gap-2 px-4 pt-1 pb-3">
      <div className="h-60">
        {asTable ? <SeriesTable data={data} zone={zone} /> : <StackedBars {...props} chartRef={chartRef} highlighted={highlighted} />}
      </div>
      <div className="flex items-start gap-2">
        <ul aria-label="Series" className="flex min-w-0 flex-1 flex-wrap gap-x-3 gap-y-1">
          {data.series.map((series) => (
            <li key={series.label} className="min-w-0">
              <LegendItem series={series} dimension={dimension} onPick={onPick} onHover={setHighlighted} />
            </li>
          ))}
        </ul>
        <div className="flex shrink-0">
          <IconButton
            size="sm"
            label={asTable ? "Show as chart" : "Show as table"}
            icon={asTable ? <ChartColumn aria-hidden className="size-3.5" /> : <Table2 aria-hidden className="size-3.5" />}
            onClick={() => setAsTable(!asTable)}
          />
          <IconButton size="sm" label="Save as CSV" icon={<Download aria-hidden className="size-3.5" />} onClick={saveCsv} />
          <IconButton
            size="sm"
            label="Save as PNG"
            disabled={asTable}
            icon={<Image aria-hidden className="size-3.5" />}
            onClick={savePng}
          />
        </div>
      </div>
    </div>
  );
}

interface LegendItemProps {
  series: CostSeries;
  dimension: string;
  onPick: (series: CostSeries) => void;
  onHover: (label: string | null) => void;
}

function LegendItem({ series, dimension, onPick, onHover }: LegendItemProps) {
  const color = seriesColor(dimension, series.isRest ? null : series.key);
  return (
    <button
      type="button"
      className="flex max-w-64 items-center gap-1.5 rounded-sm text-xs text-ink-2 hover:text-ink"
      title={`${series.label}: ${formatUsdExact(series.totalUsd)}`}
      onClick={() => onPick(series)}
      onPointerEnter={() => onHover(series.label)}
      onPointerLeave={() => onHover(null)}
      onFocus={() => onHover(series.label)}
      onBlur={() => onHover(null)}
    >
      <span aria-hidden className="size-2 shrink-0 rounded-xs" style={{ background: color }} />
      <span className="truncate">{series.label}</span>
      <span className="whitespace-nowrap text-ink-3 tabular-nums">{formatUsd(series.totalUsd)}</span>
    </button>
  );
}

function SeriesTable({ data, zone }: { data: CostChartData; zone: string }) {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="h-full overflow-auto rounded-md border border-line" tabIndex={0} role="region" aria-label="Data of the chart">
      <table className="w-full text-xs">
        <thead className="sticky top-0 bg-sunken">
          <tr>
            <th scope="col" className="px-2 py-1 text-left font-medium">
              Time
            </th>
            {data.series.map((series) => (
              <th key={series.label} scope="col" className="px-2 py-1 text-right font-medium whitespace-nowrap">
                {series.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {data.buckets.map((start, index) => (
            <tr key={start} className="border-t border-line">
              <th scope="row" className="px-2 py-1 text-left font-normal whitespace-nowrap text-ink-2">
                {bucketTitle(start, data.bucket, zone)}
              </th>
              {data.series.map((series) => (
                <td key={series.label} className="px-2 py-1 text-right" title={formatUsdExact(series.usd[index])}>
                  {formatUsd(series.usd[index])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
