/** What was said of an event beside its record: scores, why this model was asked, what a cache did, who judged. */

import type { EventDetail } from "../../api/types";
import { formatInstantExact } from "../../lib/time";
import { Facts } from "./Facts";
import { factTitle, labelled } from "./said";
import { ScoreTable } from "./Scores";

export function Said({ event, zone }: { event: EventDetail; zone: string }) {
  return (
    <div className="flex flex-col gap-5">
      <ScoreTable scores={event.scores} zone={zone} />
      {event.facts.map((fact) => (
        <section key={fact.fact_id} aria-label={factTitle(fact)}>
          <h3 className="mb-1 text-xs font-semibold">{factTitle(fact)}</h3>
          <Facts facts={[...labelled(fact), { label: "Said", value: formatInstantExact(fact.said_at, zone) }]} />
        </section>
      ))}
    </div>
  );
}
