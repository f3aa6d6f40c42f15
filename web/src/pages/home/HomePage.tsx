/** What was spent, on what, compared with before, and whether the figures are complete. */

import { useTotals } from "../../api/queries";
import { Failure, StaleNotice } from "../../components/core/States";
import { useLast } from "../../lib/use-last";
import { useUrl } from "../../lib/use-url";
import { Breakdown } from "./Breakdown";
import { Completeness } from "./Completeness";
import { CostOverTime } from "./CostOverTime";
import { Headline } from "./Headline";
import { RecentRuns } from "./RecentRuns";

export function HomePage() {
  const { project, range } = useUrl();
  const totals = useTotals({ project, range, compare: true });
  const answer = useLast(totals.data);
  const retry = () => void totals.refetch();
  if (totals.error && !answer) return <Failure doing="Loading the totals" error={totals.error} onRetry={retry} />;
  return (
    <div className="mx-auto flex max-w-[1500px] flex-col gap-3 p-3 md:p-4">
      {totals.error ? <StaleNotice doing="Loading the totals" error={totals.error} onRetry={retry} /> : null}
      <Headline answer={answer} />
      <Completeness total={answer?.total} />
      <CostOverTime />
      <div className="grid gap-3 lg:grid-cols-3">
        <Breakdown dimension="model" />
        <Breakdown dimension="agent" />
        <Breakdown dimension="customer" />
      </div>
      <RecentRuns />
    </div>
  );
}
