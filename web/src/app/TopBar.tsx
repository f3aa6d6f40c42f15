/** The bar above a page: where one is, project, time range, link. */

import { useLocation } from "@tanstack/react-router";
import { Boxes, ChevronDown, Link2, Search } from "lucide-react";
import { useEffect } from "react";

import { useMeta } from "../api/queries";
import { Button, IconButton } from "../components/core/Button";
import { copyText } from "../components/core/Copy";
import { Menu, MenuChoice, MenuLabel } from "../components/core/Menu";
import { toast } from "../components/core/Toast";
import { useUrl } from "../lib/use-url";
import { ThemeMenu } from "./Navigation";
import { RangePicker } from "./RangePicker";

const TITLES: readonly [RegExp, string][] = [
  [/^\/runs\/.+/, "Run"],
  [/^\/runs\/?$/, "Runs"],
  [/^\/data-health/, "Data health"],
  [/^\/settings/, "Settings"],
  [/^\/?$/, "Home"],
];

export async function copyLink(): Promise<void> {
  if (await copyText(window.location.href)) toast("Link copied. It shows what you see now.");
  else toast("The browser refused to copy. The address bar holds the link.", "bad");
}

export function TopBar({ onSearch }: { onSearch: () => void }) {
  const { pathname } = useLocation();
  const title = TITLES.find(([pattern]) => pattern.test(pathname))?.[1] ?? "Not found";
  useEffect(() => {
    document.title = `${title} · LLMObserve`;
  }, [title]);
  const isTimed = title === "Home" || title === "Runs" || title === "Data health";
  return (
    <header className="flex h-12 shrink-0 items-center gap-1.5 border-b border-line bg-surface px-3 md:px-4">
      <h1 className="mr-auto truncate text-base font-semibold">{title}</h1>
      <ProjectSwitcher />
      {isTimed ? <RangePicker /> : null}
      <span className="hidden md:inline">
        <IconButton label="Copy link" icon={<Link2 aria-hidden className="size-4" />} onClick={() => void copyLink()} />
      </span>
      <span className="flex md:hidden">
        <IconButton label="Search" icon={<Search aria-hidden className="size-4" />} onClick={onSearch} />
        <ThemeMenu />
      </span>
    </header>
  );
}

function ProjectSwitcher() {
  const { project, set } = useUrl();
  const { data: meta } = useMeta(project);
  const known = meta?.projects ?? [];
  const name = known.find((one) => one.id === project)?.name ?? project;
  return (
    <Menu
      align="end"
      trigger={
        <Button variant="ghost" aria-label={`Project: ${name}`} className="min-w-0 shrink">
          <Boxes aria-hidden className="size-4 text-ink-3" />
          <span className="hidden max-w-40 truncate sm:inline">{name}</span>
          <ChevronDown aria-hidden className="size-3.5 text-ink-3" />
        </Button>
      }
    >
      <MenuLabel>Project</MenuLabel>
      <MenuChoice
        value={project}
        onChange={(id) => set({ project: id === "default" ? undefined : id, q: undefined, event: undefined })}
        options={known.map((one) => ({
          value: one.id,
          label: one.name,
        }))}
      />
    </Menu>
  );
}
