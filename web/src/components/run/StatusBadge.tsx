/** How a run, span or call ended, or that it has not. */

import { Badge, type Tone } from "../core/Badge";
import { statusTone } from "./status";

const MEANINGS: Record<string, string> = {
  abandoned: "No end was received: the process stopped early, or nobody read its stream to the end.",
  cancelled: "Stopped by the caller.",
};

export function StatusBadge({ status }: { status: string }) {
  const tone: Tone = statusTone(status);
  return (
    <Badge tone={tone} title={MEANINGS[status]}>
      {status === "running" ? <span aria-hidden className="size-1.5 shrink-0 animate-pulse rounded-full bg-current" /> : null}
      <span className="truncate">{status}</span>
    </Badge>
  );
}
