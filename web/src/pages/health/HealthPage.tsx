/** Data health: whether what the other pages show is all there is, and what to do where it is not. */

import { useDataHealth } from "../../api/health";
import { Labelled, Select } from "../../components/core/Field";
import { Failure, Skeleton, StaleNotice } from "../../components/core/States";
import { useLast } from "../../lib/use-last";
import { useUrl } from "../../lib/use-url";
import { ClockSkew, UsageAndCost } from "./Certainty";
import { CoverageMatrix } from "./CoverageMatrix";
import { Gaps, Losses } from "./Missing";
import { Processes } from "./Processes";
import { Refused } from "./Refused";
import { Summary } from "./Summary";

export function HealthPage() {
  const { search, project, range, zone, set } = useUrl();
  const scope = { project, range, service: search.service };
  const answer = useDataHealth(scope);
  const health = useLast(answer.data);
  const failure = { doing: "Loading the data health", onRetry: () => void answer.refetch() };
  if (answer.error && !health) return <Failure {...failure} error={answer.error} />;
  return (
    <div className="mx-auto flex max-w-[1500px] flex-col gap-3 p-3 md:p-4">
      {answer.error ? <StaleNotice {...failure} error={answer.error} /> : null}
      <ServiceFilter
        services={health?.services ?? []}
        chosen={search.service}
        onChange={(service) => set({ service, reason: undefined }, { replace: true })}
      />
      {health ? (
        <>
          <Summary health={health} />
          <CoverageMatrix health={health} zone={zone} />
          <Losses health={health} zone={zone} />
          <Gaps health={health} zone={zone} />
          <Refused
            health={health}
            scope={scope}
            zone={zone}
            open={search.reason}
            onOpen={(reason) => set({ reason }, { replace: true })}
          />
          <div className="grid gap-3 lg:grid-cols-2">
            <UsageAndCost health={health} />
            <ClockSkew health={health} />
          </div>
          <Processes health={health} zone={zone} />
        </>
      ) : (
        ["summary", "coverage", "losses", "processes"].map((name) => <Skeleton key={name} className="h-28" />)
      )}
    </div>
  );
}

const ALL = "";

function ServiceFilter({ services, chosen, onChange }: { services: readonly string[]; chosen: string | undefined; onChange: (service: string | undefined) => void }) {
  const known = chosen && !services.includes(chosen) ? [chosen, ...services] : services;
  if (known.length === 0) return null;
  return (
    <div className="w-56 max-w-full">
      <Labelled label="Service">
        {({ id }) => (
          <Select
            id={id}
            className="w-full"
            value={chosen ?? ALL}
            onChange={(event) => onChange(event.target.value === ALL ? undefined : event.target.value)}
            options={[{ value: ALL, label: "All services" }, ...known.map((name) => ({ value: name, label: name }))]}
          />
        )}
      </Labelled>
    </div>
  );
}
