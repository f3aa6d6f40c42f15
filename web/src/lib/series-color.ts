/** One colour for one thing on all pages: kept per dimension in this browser, so that a list that changes keeps its colours. */

const SLOTS = 12;
const STORAGE_KEY = "llmobserve.colors";
/** Keys beyond this many forget the oldest, so that ids used as dimensions cannot fill the storage. */
const REMEMBERED = 300;

type Slots = Map<string, number>;

function load(): Slots {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "[]");
    return Array.isArray(stored) ? new Map(stored.filter(isEntry)) : new Map();
  } catch {
    return new Map();
  }
}

function isEntry(entry: unknown): entry is [string, number] {
  return Array.isArray(entry) && typeof entry[0] === "string" && Number.isInteger(entry[1]) && entry[1] >= 1 && entry[1] <= SLOTS;
}

function save(slots: Slots): void {
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify([...slots].slice(-REMEMBERED)));
  } catch {
    // Storage is blocked or full: colours last until the page is left.
  }
}

let slots: Slots | undefined;

/** Number of the colour (1…12) of a value of a dimension: the least used one when it is seen for the first time. */
export function colorSlot(dimension: string, key: string): number {
  slots ??= load();
  const name = `${dimension}\u0000${key}`;
  const known = slots.get(name);
  if (known !== undefined) return known;
  const used = Array.from({ length: SLOTS }, () => 0);
  for (const [other, slot] of slots) {
    if (other.startsWith(`${dimension}\u0000`)) used[slot - 1] = (used[slot - 1] ?? 0) + 1;
  }
  const slot = used.indexOf(Math.min(...used)) + 1;
  slots.set(name, slot);
  save(slots);
  return slot;
}

/** As a value of CSS; `null` stands for what has no value, and for the rest of a list. */
export function seriesColor(dimension: string, key: string | null): string {
  return key === null ? "var(--series-rest)" : `var(--series-${colorSlot(dimension, key)})`;
}
