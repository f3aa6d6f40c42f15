/** Keys of the keyboard: one listener, a registry that the list of keys is read from. */

import { useEffect } from "react";

export interface Shortcut {
  /** `j`, `?`, `mod+k` (⌘ or Ctrl), or two keys one after the other: `g h`. */
  keys: string;
  label: string;
  group: string;
  run: () => void;
}

const SEQUENCE_MS = 900;
const registered = new Set<readonly Shortcut[]>();
let pending = { key: "", atMs: 0 };
let listening = false;

export const isMac = /mac|iphone|ipad/i.test(navigator.userAgent);

const KEY_NAMES: Record<string, string> = { enter: "↵", escape: "Esc" };

/** How a key combination is written on this machine. */
export function keyLabels(keys: string): string[] {
  return keys.split(" ").map((key) => {
    const named = KEY_NAMES[key];
    if (named) return named;
    const letter = key.replace("mod+", "");
    const text = letter.length === 1 ? letter.toUpperCase() : letter;
    return letter === key ? text : (isMac ? "⌘" : "Ctrl ") + text;
  });
}

export function allShortcuts(): Shortcut[] {
  return [...registered].flat();
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

function isElsewhere(): boolean {
  return document.querySelector("dialog[open], [role=menu], [data-radix-popper-content-wrapper] form") !== null;
}

function find(keys: string): Shortcut | undefined {
  // The newest registration wins: a page may override the frame.
  return allShortcuts().findLast((shortcut) => shortcut.keys === keys);
}

function onKeyDown(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing || event.altKey) return;
  if (event.metaKey || event.ctrlKey) {
    run(find(`mod+${event.key.toLowerCase()}`), event);
    return;
  }
  if (isTyping(event.target) || isElsewhere()) return;
  if (event.key === "Enter" && event.target instanceof Element && event.target.closest("a, button, summary")) return;
  const key = event.key.length === 1 ? event.key : event.key.toLowerCase();
  const sequence = Date.now() - pending.atMs < SEQUENCE_MS ? find(`${pending.key} ${key}`) : undefined;
  pending = { key, atMs: Date.now() };
  run(sequence ?? find(key), event);
}

function run(shortcut: Shortcut | undefined, event: KeyboardEvent): void {
  if (!shortcut) return;
  event.preventDefault();
  pending = { key: "", atMs: 0 };
  shortcut.run();
}

/** Makes keys work as long as the component is on the page. */
export function useShortcuts(shortcuts: readonly Shortcut[]): void {
  useEffect(() => {
    if (!listening) {
      window.addEventListener("keydown", onKeyDown);
      listening = true;
    }
    registered.add(shortcuts);
    return () => {
      registered.delete(shortcuts);
    };
  }, [shortcuts]);
}
