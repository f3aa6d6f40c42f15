/** Where floating parts are drawn: inside an open modal, as nothing outside of it can be above it. */

import { createContext, useContext } from "react";

export const PortalHost = createContext<HTMLElement | null>(null);

export function usePortalHost(): HTMLElement | null {
  return useContext(PortalHost);
}
