/** The collector's stream of events: tells the pages that what they show has changed. */

import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { apiUrl } from "./client";
import { Changes, isHeavyAndFresh } from "./changes";
import { LONG_LIST_PAGES } from "./queries";

/** An event that was stored, and word that some were left out of the stream. */
const STREAM_EVENTS = ["event", "dropped"];
/** Events come in bursts; what is cheap to ask again is asked at most this often… */
const LISTS_MS = 1_500;
/** …and sums, for which the collector reads all events of the range, this often. */
const SUMS_MS = 6_000;
const POLL_MS = 3_000;
const RETRY_MS = 15_000;

/** Calls at once, then at most once in `everyMs`, and never loses the last call. */
function throttled(run: () => void, everyMs: number): { call: () => void; cancel: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isAsked = false;
  function fire() {
    run();
    isAsked = false;
    timer = setTimeout(() => {
      timer = undefined;
      if (isAsked) fire();
    }, everyMs);
  }
  return {
    call: () => {
      if (timer === undefined) fire();
      else isAsked = true;
    },
    cancel: () => clearTimeout(timer),
  };
}

function refresh(client: QueryClient, names: readonly string[]): void {
  for (const name of names) {
    void client.invalidateQueries({ queryKey: [name], predicate: (query) => !isLongList(query.state.data) });
  }
}

/**
 * Follows the stream of a project and asks again for what is shown. Only while the page is in sight: over HTTP/1.1 a
 * browser opens six connections to a host, and six forgotten pages would leave none for the seventh.
 */
export function useLiveUpdates(project: string): void {
  const client = useQueryClient();
  useEffect(() => {
    let stream: EventSource | undefined;
    const changes = new Changes();
    const lists = throttled(() => {
      refresh(client, ["meta", "runs", "events"]);
      const changed = changes.take();
      void client.invalidateQueries({
        predicate: ({ queryKey, state }) => changed(queryKey) && !isHeavyAndFresh(state.data, Date.now() - state.dataUpdatedAt),
      });
    }, LISTS_MS);
    const sums = throttled(() => refresh(client, ["totals"]), SUMS_MS);
    function onEvent(event: MessageEvent<string>) {
      changes.add(event.type, event.data);
      lists.call();
      sums.call();
    }
    let retry: ReturnType<typeof setTimeout> | undefined;
    function end() {
      clearTimeout(retry);
      stream?.close();
      stream = undefined;
    }
    function follow() {
      if (document.hidden) end();
      else if (!stream) stream = open();
    }
    function open(): EventSource {
      const opened = new EventSource(apiUrl("live", { project }));
      for (const name of STREAM_EVENTS) opened.addEventListener(name, onEvent);
      opened.addEventListener("error", () => {
        // The browser tries again after a lost connection, but gives up after an answer such as 503.
        if (opened.readyState !== EventSource.CLOSED || opened !== stream) return;
        stream = undefined;
        retry = setTimeout(follow, RETRY_MS);
      });
      return opened;
    }
    follow();
    document.addEventListener("visibilitychange", follow);
    return () => {
      document.removeEventListener("visibilitychange", follow);
      end();
      lists.cancel();
      sums.cancel();
    };
  }, [client, project]);
}

/** Asks for the very first event every few seconds, for where a proxy holds the stream back. */
export function useFirstEvent(): void {
  const client = useQueryClient();
  useEffect(() => {
    const timer = setInterval(() => refresh(client, ["meta"]), POLL_MS);
    return () => clearInterval(timer);
  }, [client]);
}

/** A list that was scrolled far is not fetched again page by page under the reader's eyes. */
function isLongList(data: unknown): boolean {
  return (
    typeof data === "object" && data !== null && "pages" in data && Array.isArray(data.pages) && data.pages.length > LONG_LIST_PAGES
  );
}
