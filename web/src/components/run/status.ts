/** The colour of a status; a collector may know statuses that this page does not. */

import type { Tone } from "../core/Badge";

const TONES = new Map<string, Tone>([
  ["ok", "good"],
  ["error", "bad"],
  ["running", "accent"],
  ["abandoned", "warn"],
  ["cancelled", "warn"],
]);

export function statusTone(status: string): Tone {
  return TONES.get(status) ?? "neutral";
}
