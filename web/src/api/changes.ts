/** Which answers the events of the live stream have made old. */

/** A run of this many nodes is megabytes to fetch, so it is not fetched at every event… */
const HEAVY_NODES = 5_000;
/** …but at most this often. */
export const HEAVY_REFRESH_MS = 15_000;

export function isHeavy(data: unknown): boolean {
  return (
    typeof data === "object" && data !== null && "nodes" in data && Array.isArray(data.nodes) && data.nodes.length >= HEAVY_NODES
  );
}

export function isHeavyAndFresh(data: unknown, ageMs: number): boolean {
  return isHeavy(data) && ageMs < HEAVY_REFRESH_MS;
}

function idsOf(text: string): { run_id: string | null; event_id: string | null } | null {
  try {
    const row: unknown = JSON.parse(text);
    if (typeof row !== "object" || row === null) return null;
    const read = (name: string) => {
      const value: unknown = Reflect.get(row, name);
      return typeof value === "string" ? value : null;
    };
    return { run_id: read("run_id"), event_id: read("event_id") };
  } catch {
    return null;
  }
}

/** Gathers what changed until it is taken. Query keys are `[name, project, id]`. */
export class Changes {
  private readonly runs = new Set<string>();
  private readonly events = new Set<string>();
  private everything = false;

  /** One message of the stream; one that names no run or event, or left some out, may concern any. */
  add(type: string, text: string): void {
    const ids = type === "event" ? idsOf(text) : null;
    if (ids?.run_id) this.runs.add(ids.run_id);
    if (ids?.event_id) this.events.add(ids.event_id);
    if (!ids?.event_id) this.everything = true;
  }

  /** Test of a query key for whether its answer is old; what was gathered is forgotten here. */
  take(): (queryKey: readonly unknown[]) => boolean {
    const runs = new Set(this.runs);
    const events = new Set(this.events);
    const { everything } = this;
    this.runs.clear();
    this.events.clear();
    this.everything = false;
    return ([name, , id]) => {
      if (name !== "run" && name !== "event") return false;
      return everything || (typeof id === "string" && (name === "run" ? runs : events).has(id));
    };
  }
}
