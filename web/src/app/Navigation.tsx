/** The pages to choose from: at the side on wide screens, below on narrow ones. */

import { Link } from "@tanstack/react-router";
import { ChartColumn, HeartPulse, Keyboard, ListTree, Monitor, Moon, Search, Settings, Sun } from "lucide-react";

import { useMeta } from "../api/queries";
import { Button, IconButton } from "../components/core/Button";
import { Kbd } from "../components/core/Kbd";
import { Menu, MenuChoice, MenuLabel } from "../components/core/Menu";
import { setThemeChoice, type ThemeChoice, useThemeChoice } from "../lib/theme";
import { keyLabels } from "../lib/use-shortcuts";
import { useUrl } from "../lib/use-url";

const PAGES = [
  { to: "/", label: "Home", icon: ChartColumn, keys: "g h", exact: true },
  { to: "/runs", label: "Runs", icon: ListTree, keys: "g r", exact: false },
  { to: "/data-health", label: "Data health", icon: HeartPulse, keys: "g d", exact: false },
  { to: "/settings", label: "Settings", icon: Settings, keys: "g s", exact: false },
] as const;

export interface SideNavProps {
  onSearch: () => void;
  onKeys: () => void;
}

export function SideNav({ onSearch, onKeys }: SideNavProps) {
  const { project } = useUrl();
  const { data: meta } = useMeta(project);
  return (
    <aside aria-label="Sidebar" className="hidden w-52 shrink-0 flex-col border-r border-line bg-canvas p-3 md:flex">
      <div className="flex items-center gap-2 px-1 pb-3">
        <img src="./favicon.svg" alt="" className="size-5" />
        <span className="text-base font-semibold">LLMObserve</span>
      </div>
      <Button onClick={onSearch} className="mb-3 w-full justify-start text-ink-3">
        <Search aria-hidden className="size-3.5" />
        <span className="flex-1 text-left font-normal">Search</span>
        <Kbd>{keyLabels("mod+k").join(" ")}</Kbd>
      </Button>
      <nav aria-label="Pages" className="flex flex-col gap-0.5">
        {PAGES.map((page) => (
          <Link
            key={page.to}
            to={page.to}
            search={{}}
            activeOptions={{ exact: page.exact, includeSearch: false }}
            className="group flex h-8 items-center gap-2 rounded-md px-2 text-ink-2 hover:bg-hover hover:text-ink aria-[current=page]:bg-selected aria-[current=page]:font-medium aria-[current=page]:text-ink"
          >
            <page.icon aria-hidden className="size-4" />
            <span className="flex-1">{page.label}</span>
            <span aria-hidden className="hidden gap-0.5 group-hover:flex">
              {keyLabels(page.keys).map((key) => (
                <Kbd key={key}>{key}</Kbd>
              ))}
            </span>
          </Link>
        ))}
      </nav>
      <div className="mt-auto flex items-center gap-1">
        <ThemeMenu />
        <IconButton label="Keys" hint="?" icon={<Keyboard aria-hidden className="size-4" />} onClick={onKeys} />
        {meta ? (
          <span className="ml-auto text-xs text-ink-3" title={`Store: ${meta.store}. Price book: ${meta.price_book}.`}>
            v{meta.version}
          </span>
        ) : null}
      </div>
    </aside>
  );
}

export function BottomNav() {
  return (
    <nav aria-label="Pages" className="flex shrink-0 border-t border-line bg-surface md:hidden">
      {PAGES.map((page) => (
        <Link
          key={page.to}
          to={page.to}
          search={{}}
          activeOptions={{ exact: page.exact, includeSearch: false }}
          className="flex h-13 flex-1 flex-col items-center justify-center gap-0.5 text-2xs text-ink-3 aria-[current=page]:font-medium aria-[current=page]:text-accent-ink"
        >
          <page.icon aria-hidden className="size-4.5" />
          {page.label}
        </Link>
      ))}
    </nav>
  );
}

const THEME_ICONS = { system: Monitor, light: Sun, dark: Moon };

export function ThemeMenu() {
  const choice = useThemeChoice();
  const Icon = THEME_ICONS[choice];
  return (
    <Menu
      trigger={
        <Button variant="ghost" square aria-label={`Theme: ${choice}`} title="Theme">
          <Icon aria-hidden className="size-4" />
        </Button>
      }
    >
      <MenuLabel>Theme</MenuLabel>
      <MenuChoice
        value={choice}
        onChange={(value) => setThemeChoice(value as ThemeChoice)}
        options={[
          { value: "system", label: "As the system" },
          { value: "light", label: "Light" },
          { value: "dark", label: "Dark" },
        ]}
      />
    </Menu>
  );
}
