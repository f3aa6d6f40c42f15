/** Going to a page; project and time range come along. */

import { useNavigate } from "@tanstack/react-router";
import { useCallback } from "react";

export type PagePath = "/" | "/runs" | "/data-health" | "/settings";

export function useGoTo(): (page: PagePath) => void {
  const navigate = useNavigate();
  return useCallback((page: PagePath) => void navigate({ to: page, search: {} }), [navigate]);
}
