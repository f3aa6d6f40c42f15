/** The map of the pages. */

import {
  createRootRoute,
  createRoute,
  createRouter,
  type ErrorComponentProps,
  lazyRouteComponent,
  retainSearchParams,
} from "@tanstack/react-router";

import { isReachable } from "../api/client";
import { Failure, Loading } from "../components/core/States";
import { parseSearch, SHARED_SEARCH, stringifySearch, type UrlSearch } from "../lib/url-state";
import { HomePage } from "../pages/home/HomePage";
import { Layout } from "./Layout";
import { NotFound } from "./NotFound";
import { OnceEventsExist } from "./OnceEventsExist";

/** The file of a page could not be fetched. */
class PageUnavailable extends Error {
  constructor(cause: unknown) {
    super("The collector does not answer. Is `llmobserve serve` still running?", { cause });
    this.name = "PageUnavailable";
  }
}

/** With an error of our own: at the browser's the router would reload, which without a server ends in a blank page. */
async function fetched<T>(file: Promise<T>): Promise<T> {
  try {
    return await file;
  } catch (cause) {
    throw new PageUnavailable(cause);
  }
}

async function reloadWhenReachable(): Promise<void> {
  if (await isReachable()) window.location.reload();
}

function PageFailure({ error, reset }: ErrorComponentProps) {
  const retry = error instanceof PageUnavailable ? () => void reloadWhenReachable() : reset;
  return <Failure doing="Showing this page" error={error instanceof Error ? error : new Error(String(error))} onRetry={retry} />;
}

const rootRoute = createRootRoute({
  component: Layout,
  notFoundComponent: NotFound,
  validateSearch: (search: Record<string, unknown>): UrlSearch => search as UrlSearch,
  search: { middlewares: [retainSearchParams([...SHARED_SEARCH])] },
});

function Home() {
  return (
    <OnceEventsExist>
      <HomePage />
    </OnceEventsExist>
  );
}

const RunsList = lazyRouteComponent(() => fetched(import("../pages/runs/RunsPage")), "RunsPage");
const OneRun = lazyRouteComponent(() => fetched(import("../pages/run/RunPage")), "RunPage");
const Health = lazyRouteComponent(() => fetched(import("../pages/health/HealthPage")), "HealthPage");
const Settings = lazyRouteComponent(() => fetched(import("../pages/settings/SettingsPage")), "SettingsPage");

/** Fetches the files of all pages. */
export function preloadPages(): void {
  for (const page of [RunsList, OneRun, Health, Settings]) void page.preload?.();
}

function Runs() {
  return (
    <OnceEventsExist>
      <RunsList />
    </OnceEventsExist>
  );
}

const homeRoute = createRoute({ getParentRoute: () => rootRoute, path: "/", component: Home });

const runsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/runs",
  component: Runs,
  loader: () => RunsList.preload?.(),
});

const runRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/runs/$runId",
  component: OneRun,
});

const healthRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/data-health",
  component: Health,
});

const settingsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/settings",
  component: Settings,
});

/** Everything from the host's root to where the server put the page. */
const basepath = new URL(document.baseURI).pathname;

export const router = createRouter({
  routeTree: rootRoute.addChildren([homeRoute, runsRoute, runRoute, healthRoute, settingsRoute]),
  basepath,
  parseSearch,
  stringifySearch,
  defaultPreload: "intent",
  defaultPendingComponent: Loading,
  defaultErrorComponent: PageFailure,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
