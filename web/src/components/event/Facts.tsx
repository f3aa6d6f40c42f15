/** Named facts in two columns; a fact without a value is left out. */

import type { ReactNode } from "react";

import { CopyButton } from "../core/Copy";

export interface Fact {
  label: string;
  value: ReactNode;
  /** Text to copy, for ids. */
  copy?: string | null;
}

export function Facts({ facts }: { facts: readonly Fact[] }) {
  const known = facts.filter((fact) => fact.value !== null && fact.value !== undefined && fact.value !== "");
  return (
    <dl className="grid grid-cols-[fit-content(40%)_minmax(0,1fr)] gap-x-4 gap-y-1 text-xs">
      {known.map((fact, index) => (
        // Names of metadata come from the sender and may repeat those of other facts.
        <div key={`${index}-${fact.label}`} className="contents">
          <dt className="min-w-28 py-0.5 text-ink-3">{fact.label}</dt>
          <dd className="flex min-w-0 items-start gap-1 py-0.5">
            <span className={fact.copy ? "min-w-0 font-mono break-all" : "min-w-0 whitespace-pre-wrap"}>{fact.value}</span>
            {fact.copy ? <CopyButton text={fact.copy} label={`Copy ${fact.label.toLowerCase()}`} className="-my-1" /> : null}
          </dd>
        </div>
      ))}
    </dl>
  );
}
