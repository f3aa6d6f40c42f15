/** The cost chart of the home page: split by a dimension, zoomed by dragging. */

import { useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useMemo } from "react";

import { DIMENSIONS, dimensionOf, TIME_KEYS } from "../../api/dimensions";
import { useTotals } from "../../api/queries";
import { costSeries, type CostSeries } from "../../components/chart/series";
import { Card } from "../../components/core/Card";
import { Empty, Failure, Skeleton } from "../../components/core/States";
import { Segmented } from "../../components/core/Tabs";
import { formatTerm } from "../../lib/filter";
import { bucketFor, rangeLengthMs } from "../../lib/time";
import { rangeToSearch } from "../../lib/url-state";
import { useLast } from "../../lib/use-last";
import { useUrl } from "../../lib/use-url";

const CostChart = lazy(async () => ({ default: (await import("../../components/chart/CostChart")).CostChart }));
const MOST_SERIES = 9;
/** The most that the collector answers; beyond it the cheapest groups are left out. */
const MOST_ROWS = 10_000;

export function CostOverTime() {
  const { search, project, range, zone, set } = useUrl();
  const navigate = useNavigate();
  const dimension = dimensionOf(search.by);
  const bucket = bucketFor(rangeLengthMs(range));
  const timeKey = TIME_KEYS[bucket];
  const totals = useTotals({ project, range, groupBy: [timeKey, dimension.name], sort: "-cost", limit: MOST_ROWS, zone });
  const answer = useLast(totals.data);
  const data = useMemo(() => {
    // The old answer stays in sight while the next loads; its keys tell what it was grouped by.
    if (!answer || answer.group_by[1] !== dimension.name) return null;
    const answered = answer.group_by[0] ?? timeKey;
    const shownBucket = (["minute", "hour", "day"] as const).find((one) => TIME_KEYS[one] === answered) ?? bucket;
    return costSeries({ answer, bucket: shownBucket, timeKey: answered, zone, dimension: dimension.name, noneLabel: dimension.none, most: MOST_SERIES });
  }, [answer, bucket, dimension, timeKey, zone]);

  function pick(series: CostSeries) {
    if (series.isRest) return;
    const q = formatTerm({ negated: false, field: dimension.name, operator: "", values: [series.key ?? ""] });
    void navigate({ to: "/runs", search: { q } });
  }
  return (
    <Card
      title="Cost over time"
      actions={
        <Segmented
          label="Split by"
          value={dimension.name}
          onChange={(by) => set({ by }, { replace: true })}
          options={DIMENSIONS.map((one) => ({ value: one.name, label: one.label }))}
        />
      }
    >
      {totals.error && !data ? <Failure doing="Loading the chart" error={totals.error} onRetry={() => void totals.refetch()} /> : null}
      {!totals.error && !data ? <Skeleton className="m-4 h-68" /> : null}
      {data && data.series.length === 0 ? <Empty title="No calls in this time range">Choose a longer time range above.</Empty> : null}
      {data && data.series.length > 0 ? (
        <Suspense fallback={<Skeleton className="m-4 h-68" />}>
          <CostChart
            data={data}
            dimension={dimension.name}
            zone={zone}
            label={`Cost over time by ${dimension.label.toLowerCase()}`}
            fileName={`cost-by-${dimension.name}`}
            onZoom={(from, to) => set(rangeToSearch({ kind: "between", from, to }))}
            onPick={pick}
          />
        </Suspense>
      ) : null}
      {answer?.truncated ? <p className="px-4 pb-3 text-xs text-warn">There are more groups than the chart holds; the smallest are left out here, not in the totals.</p> : null}
    </Card>
  );
}
