/** Short messages in a corner: said to screen readers, gone by themselves. */

import { CircleAlert, CircleCheck, X } from "lucide-react";
import { useSyncExternalStore } from "react";

interface Message {
  id: number;
  tone: "good" | "bad";
  text: string;
}

const SHOWN_MS = 4_500;
let messages: readonly Message[] = [];
let nextId = 1;
const listeners = new Set<() => void>();

function publish(next: readonly Message[]): void {
  messages = next;
  for (const listener of listeners) listener();
}

function dismiss(id: number): void {
  publish(messages.filter((message) => message.id !== id));
}

export function toast(text: string, tone: "good" | "bad" = "good"): void {
  const id = nextId++;
  publish([...messages.slice(-3), { id, tone, text }]);
  setTimeout(() => dismiss(id), tone === "bad" ? SHOWN_MS * 2 : SHOWN_MS);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function Toaster() {
  const shown = useSyncExternalStore(subscribe, () => messages);
  return (
    <div aria-live="polite" className="pointer-events-none fixed right-4 bottom-4 z-50 flex w-80 max-w-[calc(100vw-2rem)] flex-col gap-2">
      {shown.map((message) => (
        <div
          key={message.id}
          className="pointer-events-auto flex items-start gap-2 rounded-lg border border-line-strong bg-raised px-3 py-2 shadow-pop"
        >
          {message.tone === "good" ? (
            <CircleCheck aria-hidden className="mt-0.5 size-4 shrink-0 text-good" />
          ) : (
            <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-bad" />
          )}
          <p className="min-w-0 flex-1">{message.text}</p>
          <button
            type="button"
            aria-label="Dismiss"
            className="mt-0.5 text-ink-3 hover:text-ink"
            onClick={() => dismiss(message.id)}
          >
            <X aria-hidden className="size-3.5" />
          </button>
        </div>
      ))}
    </div>
  );
}
