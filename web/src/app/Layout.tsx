/** The frame around every page: navigation, project, time range, keys. */

import { Outlet } from "@tanstack/react-router";
import { lazy, Suspense, useMemo, useState } from "react";

import { ApiError } from "../api/client";
import { useLiveUpdates } from "../api/live";
import { useMeta } from "../api/queries";
import { Button } from "../components/core/Button";
import { Empty, Failure } from "../components/core/States";
import { useShortcuts } from "../lib/use-shortcuts";
import { useUrl } from "../lib/use-url";
import { SignInPage } from "../pages/signin/SignInPage";
import { KeysDialog } from "./KeysDialog";
import { BottomNav, SideNav } from "./Navigation";
import { TopBar } from "./TopBar";
import { useGoTo } from "./use-go-to";

const Palette = lazy(async () => ({ default: (await import("./Palette")).Palette }));

export function Layout() {
  const { project, set } = useUrl();
  const meta = useMeta(project);
  if (meta.error instanceof ApiError && meta.error.status === 401) return <SignInPage />;
  if (meta.error instanceof ApiError && meta.error.status === 404) {
    return (
      <Empty title={meta.error.message} action={<Button onClick={() => set({ project: undefined })}>Go to the default project</Button>}>
        The address names a project that this collector does not have.
      </Empty>
    );
  }
  if (meta.error && !meta.data) {
    return <Failure doing="Reaching the collector" error={meta.error} onRetry={() => void meta.refetch()} />;
  }
  return <Frame />;
}

function Frame() {
  const [paletteOpen, setPaletteOpen] = useState(false);
  const [keysOpen, setKeysOpen] = useState(false);
  const { project } = useUrl();
  useLiveUpdates(project);
  useFrameShortcuts(() => setPaletteOpen(true), () => setKeysOpen(true));
  return (
    <div className="flex h-dvh overflow-hidden">
      <a
        href="#main"
        className="absolute top-2 left-2 z-50 -translate-y-16 rounded-md bg-accent px-3 py-1.5 text-on-accent focus:translate-y-0"
        onClick={(event) => {
          // A fragment would resolve against <base> and leave the page.
          event.preventDefault();
          document.getElementById("main")?.focus();
        }}
      >
        Skip to content
      </a>
      <SideNav onSearch={() => setPaletteOpen(true)} onKeys={() => setKeysOpen(true)} />
      <div className="flex min-w-0 flex-1 flex-col">
        <TopBar onSearch={() => setPaletteOpen(true)} />
        <main id="main" tabIndex={-1} className="min-h-0 flex-1 overflow-y-auto outline-none">
          <Outlet />
        </main>
        <BottomNav />
      </div>
      {paletteOpen ? (
        <Suspense fallback={null}>
          <Palette onClose={() => setPaletteOpen(false)} onKeys={() => setKeysOpen(true)} />
        </Suspense>
      ) : null}
      <KeysDialog open={keysOpen} onClose={() => setKeysOpen(false)} />
    </div>
  );
}

function useFrameShortcuts(openPalette: () => void, openKeys: () => void) {
  const goTo = useGoTo();
  const shortcuts = useMemo(
    () => [
      { keys: "mod+k", label: "Search and commands", group: "Everywhere", run: openPalette },
      { keys: "?", label: "This list of keys", group: "Everywhere", run: openKeys },
      { keys: "g h", label: "Go to Home", group: "Everywhere", run: () => goTo("/") },
      { keys: "g r", label: "Go to Runs", group: "Everywhere", run: () => goTo("/runs") },
      { keys: "g d", label: "Go to Data health", group: "Everywhere", run: () => goTo("/data-health") },
      { keys: "g s", label: "Go to Settings", group: "Everywhere", run: () => goTo("/settings") },
    ],
    // The openers only set state, so any of their instances does.
    // oxlint-disable-next-line react/exhaustive-deps
    [goTo],
  );
  useShortcuts(shortcuts);
}
