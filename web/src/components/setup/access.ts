/** Who may send events without a key. */

import type { Meta } from "../../api/types";

/** Only this machine, and only to the first project: a key is what tells the others apart. */
export function acceptsWithoutKey(meta: Meta, project: string): boolean {
  return meta.local_mode && project === "default";
}
