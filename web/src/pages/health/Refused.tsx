/** Records that the collector refused, by reason; opened, the records themselves. */

import { ChevronRight } from "lucide-react";

import { type HealthScope, useDeadLetters, useReplay } from "../../api/health";
import type { DataHealth, DeadLetterGroup } from "../../api/types";
import { Button } from "../../components/core/Button";
import { Card } from "../../components/core/Card";
import { CopyButton } from "../../components/core/Copy";
import { Failure, Skeleton } from "../../components/core/States";
import { toast } from "../../components/core/Toast";
import { Ago, Instant } from "../../components/figure/Figures";
import { formatCount, plural } from "../../lib/numbers";
import { AllWell, Fix } from "./HealthTable";

export interface RefusedProps {
  health: DataHealth;
  scope: HealthScope;
  zone: string;
  /** The reason that is open. */
  open: string | undefined;
  onOpen: (reason: string | undefined) => void;
}

export function Refused({ health, scope, zone, open, onOpen }: RefusedProps) {
  const { rejected } = health.records;
  return (
    <Card
      title="Refused by the collector"
      className="pb-2"
      actions={
        rejected > 0 ? (
          <span className="flex items-center gap-3 text-xs font-medium text-warn">
            {plural(rejected, "record")}
            <Again project={scope.project} />
          </span>
        ) : null
      }
    >
      {health.dead_letters.length === 0 ? (
        <AllWell>Every record that arrived was taken.</AllWell>
      ) : (
        <ul aria-label="Refused records" className="divide-y divide-line border-t border-line">
          {health.dead_letters.map((group) => {
            const isOpen = open === group.reason;
            return (
              <li key={group.reason} className="px-4 py-1.5">
                <Reason group={group} isOpen={isOpen} zone={zone} onToggle={() => onOpen(isOpen ? undefined : group.reason)} />
                {isOpen ? <Letters scope={scope} reason={group.reason} zone={zone} /> : null}
              </li>
            );
          })}
        </ul>
      )}
    </Card>
  );
}

function Again({ project }: { project: string }) {
  const replay = useReplay(project);
  const say = () =>
    replay.mutate(undefined, {
      onSuccess: ({ stored, duplicates, refused }) =>
        toast(`${plural(stored, "record")} stored now, ${formatCount(duplicates)} stored before, ${formatCount(refused)} refused again.`),
      onError: (error) => toast(`The records could not be tried again: ${error.message}`, "bad"),
    });
  return (
    <Button size="sm" onClick={say} disabled={replay.isPending} title="After an upgrade, or another rule: what is stored is not stored twice">
      {replay.isPending ? "Trying…" : "Try all again"}
    </Button>
  );
}

function Reason({ group, isOpen, zone, onToggle }: { group: DeadLetterGroup; isOpen: boolean; zone: string; onToggle: () => void }) {
  return (
    <>
      <button type="button" aria-expanded={isOpen} onClick={onToggle} className="flex w-full items-start gap-2 rounded-sm text-left hover:text-accent-ink">
        <ChevronRight aria-hidden className={isOpen ? "mt-0.5 size-3.5 shrink-0 rotate-90" : "mt-0.5 size-3.5 shrink-0"} />
        <span className="min-w-0 flex-1 break-words">{group.reason}</span>
        <span className="shrink-0 font-medium tabular-nums">{formatCount(group.records)}</span>
        <Ago iso={group.last_at} zone={zone} className="shrink-0 text-ink-3" />
      </button>
      <div className="pl-5.5">
        <Fix>{group.fix}</Fix>
      </div>
    </>
  );
}

function Letters({ scope, reason, zone }: { scope: HealthScope; reason: string; zone: string }) {
  const letters = useDeadLetters(scope, reason);
  if (letters.error) return <Failure doing="Loading the refused records" error={letters.error} onRetry={() => void letters.refetch()} />;
  if (!letters.data) return <Skeleton className="my-2 ml-5.5 h-16" />;
  return (
    <ol aria-label="Their text" className="flex flex-col gap-2 py-2 pl-5.5">
      {letters.data.letters.map((letter) => (
        <li key={`${letter.received_at} ${letter.batch_id} ${letter.position}`} className="min-w-0 rounded-md border border-line">
          <div className="flex flex-wrap items-center gap-x-3 px-2 py-1 text-xs text-ink-3">
            <Instant iso={letter.received_at} zone={zone} />
            {letter.event_id ? <code className="truncate font-mono">{letter.event_id}</code> : null}
            <span>
              number {(letter.position ?? 0) + 1} in its batch{letter.truncated ? ", cut" : ""}
            </span>
            <span className="ml-auto">
              <CopyButton text={letter.body} label="Copy the record" />
            </span>
          </div>
          {/* Reachable by the keyboard, because it scrolls. */}
          {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
          <pre tabIndex={0} aria-label="Refused record" className="max-h-48 overflow-auto border-t border-line bg-sunken px-2 py-1.5 font-mono text-xs break-all whitespace-pre-wrap">
            {letter.body}
          </pre>
        </li>
      ))}
      {letters.data.truncated ? <li className="text-xs text-ink-3">Only the latest {formatCount(letters.data.letters.length)} are shown.</li> : null}
    </ol>
  );
}
