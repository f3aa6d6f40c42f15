/** What the colours and marks of the waterfall mean, on hover or focus of a small button. */

import { Info } from "lucide-react";
import { useMemo } from "react";

import { Button } from "../core/Button";
import { Tooltip } from "../core/Tooltip";
import { kindStyle } from "./kinds";
import type { Trace } from "./tree";

function Bar({ color, faint, children }: { color: string; faint?: boolean; children: string }) {
  return (
    <li className="flex items-center gap-2">
      <span aria-hidden className={`h-2.5 w-5 shrink-0 rounded-sm ${faint ? "opacity-45" : ""}`} style={{ background: `var(${color})` }} />
      <span className="min-w-0 truncate">{children}</span>
    </li>
  );
}

export function Legend({ trace }: { trace: Trace }) {
  const kinds = useMemo(() => {
    const seen = new Map<string, boolean>();
    for (const { node } of trace.order) seen.set(node.kind, node.type === "span");
    return [...seen];
  }, [trace]);
  const content = (
    <ul className="grid gap-1">
      {kinds.map(([kind, isSpan]) => (
        <Bar key={kind} color={kindStyle(kind).color} faint={isSpan}>
          {kindStyle(kind).label}
        </Bar>
      ))}
      <Bar color="--bad">Failed</Bar>
      <Bar color="--accent" faint>
        Still running
      </Bar>
      <li className="flex items-center gap-2">
        <span aria-hidden className="flex w-5 shrink-0 justify-center">
          <span className="h-3.5 w-0.5 bg-ink" />
        </span>
        First token of a stream arrived
      </li>
    </ul>
  );
  return (
    <Tooltip content={content} side="bottom">
      <Button size="sm" variant="ghost" square aria-label="What the bars mean">
        <Info aria-hidden className="size-3.5" />
      </Button>
    </Tooltip>
  );
}
