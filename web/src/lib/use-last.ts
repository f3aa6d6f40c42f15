/** The last known value while there is none, so that a failed question leaves the old answer in sight. */

import { useState } from "react";

export function useLast<T>(value: T | undefined): T | undefined {
  const [last, setLast] = useState(value);
  if (value !== undefined && value !== last) setLast(value);
  return value ?? last;
}
