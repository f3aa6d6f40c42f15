/** The time that everything on the page is about, with the zone that times are shown in. */

import { CalendarClock } from "lucide-react";
import { type FormEvent, useState } from "react";

import { Button } from "../components/core/Button";
import { Input, Labelled, Select } from "../components/core/Field";
import { Popover } from "../components/core/Menu";
import {
  browserZone,
  formatMinute,
  isoToWallTime,
  RANGE_LABELS,
  RANGES,
  resolveRange,
  type TimeRange,
  wallTimeToIso,
  zoneOffset,
} from "../lib/time";
import { rangeToSearch } from "../lib/url-state";
import { useNow } from "../lib/use-now";
import { useUrl } from "../lib/use-url";

function rangeText(range: TimeRange, zone: string): string {
  if (range.kind === "last") return RANGE_LABELS[range.name];
  return `${formatMinute(range.from, zone)} – ${formatMinute(range.to, zone)}`;
}

function shortText(range: TimeRange): string {
  return range.kind === "last" ? range.name : "Custom";
}

export function RangePicker() {
  const [open, setOpen] = useState(false);
  const { range, zone, set } = useUrl();
  function choose(next: TimeRange) {
    set(rangeToSearch(next));
    setOpen(false);
  }
  return (
    <Popover
      label="Time range and zone"
      align="end"
      open={open}
      onOpenChange={setOpen}
      className="w-72"
      trigger={
        <Button>
          <CalendarClock aria-hidden className="size-4 text-ink-3" />
          <span className="sr-only">Time range:</span>
          <span className="hidden sm:inline">{rangeText(range, zone)}</span>
          <span className="sm:hidden">{shortText(range)}</span>
          <span className="hidden font-normal text-ink-3 sm:inline">{zoneOffset(zone)}</span>
        </Button>
      }
    >
      <div role="group" aria-label="Moving window" className="grid grid-cols-4 gap-1">
        {RANGES.map((name) => (
          <Button
            key={name}
            size="sm"
            aria-pressed={range.kind === "last" && range.name === name}
            title={RANGE_LABELS[name]}
            variant={range.kind === "last" && range.name === name ? "selected" : "default"}
            onClick={() => choose({ kind: "last", name })}
          >
            {name}
          </Button>
        ))}
      </div>
      <CustomRange range={range} zone={zone} onChoose={choose} />
      <ZoneChoice zone={zone} onChange={(tz) => set({ tz: tz === browserZone() ? undefined : tz }, { replace: true })} />
    </Popover>
  );
}

function CustomRange({ range, zone, onChoose }: { range: TimeRange; zone: string; onChoose: (range: TimeRange) => void }) {
  const nowMs = useNow();
  const shown = resolveRange(range, nowMs);
  const [from, setFrom] = useState(() => isoToWallTime(shown.from, zone));
  const [to, setTo] = useState(() => isoToWallTime(shown.to, zone));
  const [error, setError] = useState<string>();
  function apply(event: FormEvent) {
    event.preventDefault();
    const start = wallTimeToIso(from, zone);
    const end = wallTimeToIso(to, zone);
    if (!start || !end) setError("Give both a date and a time.");
    else if (start >= end) setError("The end must be after the start.");
    else onChoose({ kind: "between", from: start, to: end });
  }
  return (
    <form onSubmit={apply} className="mt-3 flex flex-col gap-2 border-t border-line pt-3">
      <Labelled label="From">
        {({ id }) => <Input id={id} type="datetime-local" value={from} onChange={(event) => setFrom(event.target.value)} />}
      </Labelled>
      <Labelled label="To" error={error}>
        {({ id, describedBy }) => (
          <Input
            id={id}
            type="datetime-local"
            aria-describedby={describedBy}
            aria-invalid={error ? true : undefined}
            value={to}
            onChange={(event) => setTo(event.target.value)}
          />
        )}
      </Labelled>
      <Button type="submit">Apply custom range</Button>
    </form>
  );
}

function ZoneChoice({ zone, onChange }: { zone: string; onChange: (zone: string) => void }) {
  const own = browserZone();
  const zones = [...new Set([own, "UTC", zone, ...Intl.supportedValuesOf("timeZone")])];
  return (
    <div className="mt-3 border-t border-line pt-3">
      <Labelled label="Times are shown in">
        {({ id }) => (
          <Select
            id={id}
            value={zone}
            onChange={(event) => onChange(event.target.value)}
            options={zones.map((name) => ({
              value: name,
              label: name === own ? `${name} (this browser)` : name,
            }))}
          />
        )}
      </Labelled>
    </div>
  );
}
