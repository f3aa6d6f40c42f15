/** ⌘K: pages, actions, projects, ranges and runs by name or id. */

import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import { type ReactNode, useState } from "react";

import { useMeta, useRuns } from "../api/queries";
import { Dialog } from "../components/core/Dialog";
import { Kbd } from "../components/core/Kbd";
import { Instant } from "../components/figure/Figures";
import { setThemeChoice } from "../lib/theme";
import { RANGE_LABELS, RANGES } from "../lib/time";
import { rangeToSearch } from "../lib/url-state";
import { keyLabels } from "../lib/use-shortcuts";
import { useUrl } from "../lib/use-url";
import { copyLink } from "./TopBar";
import { useGoTo } from "./use-go-to";

const RUN_ID = /^[0-9a-zA-Z_-]{8,}$/;
const SHOWN_RUNS = 8;

export interface PaletteProps {
  onClose: () => void;
  onKeys: () => void;
}

export function Palette({ onClose, onKeys }: PaletteProps) {
  const [text, setText] = useState("");
  return (
    <Dialog open onClose={onClose} title="Search and commands" hideTitle className="max-w-xl">
      <Command loop label="Search and commands" className="flex min-h-0 flex-col">
        <Command.Input
          value={text}
          onValueChange={setText}
          placeholder="Go to a page, run an action, paste a run id…"
          className="h-11 w-full border-b border-line bg-transparent px-4 text-base outline-none placeholder:text-ink-3"
        />
        <Command.List className="max-h-96 overflow-y-auto p-1.5">
          <Command.Empty className="p-6 text-center text-ink-3">Nothing matches.</Command.Empty>
          <RunItems text={text.trim()} onClose={onClose} />
          <PageItems onClose={onClose} />
          <ActionItems onClose={onClose} onKeys={onKeys} />
        </Command.List>
      </Command>
    </Dialog>
  );
}

interface ItemProps {
  onSelect: () => void;
  keywords?: string[];
  value?: string;
  keys?: string;
  children: ReactNode;
}

function Item({ onSelect, keywords = [], value, keys, children }: ItemProps) {
  return (
    <Command.Item
      onSelect={onSelect}
      keywords={keywords}
      {...(value === undefined ? {} : { value })}
      className="flex h-9 cursor-default items-center gap-3 rounded-md px-2.5 data-[selected=true]:bg-hover"
    >
      {children}
      {keys ? (
        <span className="ml-auto flex gap-1">
          {keyLabels(keys).map((key) => (
            <Kbd key={key}>{key}</Kbd>
          ))}
        </span>
      ) : null}
    </Command.Item>
  );
}

const HEADING =
  "[&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:text-ink-3";

function RunItems({ text, onClose }: { text: string; onClose: () => void }) {
  const { project, range, zone } = useUrl();
  const navigate = useNavigate();
  const recent = useRuns({ project, range }, "-start", SHOWN_RUNS);
  const runs = recent.data?.pages[0]?.runs ?? [];
  function open(runId: string) {
    onClose();
    void navigate({ to: "/runs/$runId", params: { runId }, search: {} });
  }
  return (
    <Command.Group heading="Runs" className={HEADING}>
      {RUN_ID.test(text) && /\d/.test(text) ? (
        <Item value={`open run ${text}`} keywords={[text]} onSelect={() => open(text)}>
          Open run <code className="truncate font-mono text-xs">{text}</code>
        </Item>
      ) : null}
      {runs.map((run) => (
        <Item key={run.run_id} value={run.run_id} keywords={[run.name ?? "", ...run.models]} onSelect={() => open(run.run_id)}>
          <span className="min-w-0 flex-1 truncate">{run.name ?? run.run_id}</span>
          <Instant iso={run.start_time} zone={zone} className="text-xs text-ink-3" />
        </Item>
      ))}
    </Command.Group>
  );
}

function PageItems({ onClose }: { onClose: () => void }) {
  const goTo = useGoTo();
  const pages = [
    { to: "/", label: "Home", keys: "g h" },
    { to: "/runs", label: "Runs", keys: "g r" },
    { to: "/data-health", label: "Data health", keys: "g d" },
    { to: "/settings", label: "Settings", keys: "g s" },
  ] as const;
  return (
    <Command.Group heading="Pages" className={HEADING}>
      {pages.map((page) => (
        <Item
          key={page.to}
          keys={page.keys}
          onSelect={() => {
            onClose();
            goTo(page.to);
          }}
        >
          {page.label}
        </Item>
      ))}
    </Command.Group>
  );
}

function ActionItems({ onClose, onKeys }: PaletteProps) {
  const { set, project } = useUrl();
  const { data: meta } = useMeta(project);
  function then(action: () => void) {
    return () => {
      onClose();
      action();
    };
  }
  return (
    <Command.Group heading="Actions" className={HEADING}>
      <Item onSelect={then(() => void copyLink())}>Copy link to this view</Item>
      <Item onSelect={then(onKeys)} keys="?">
        Show keys
      </Item>
      {RANGES.map((name) => (
        <Item key={name} keywords={["time range", name]} onSelect={then(() => set(rangeToSearch({ kind: "last", name })))}>
          {RANGE_LABELS[name]}
        </Item>
      ))}
      {(["light", "dark", "system"] as const).map((theme) => (
        <Item key={theme} keywords={["appearance", "mode"]} onSelect={then(() => setThemeChoice(theme))}>
          Theme: {theme}
        </Item>
      ))}
      {meta?.projects
        .filter((one) => one.id !== project)
        .map((one) => (
          <Item key={one.id} value={`project ${one.id}`} keywords={["switch", one.name]} onSelect={then(() => set({ project: one.id === "default" ? undefined : one.id, q: undefined }))}>
            Switch to project {one.name}
          </Item>
        ))}
    </Command.Group>
  );
}
