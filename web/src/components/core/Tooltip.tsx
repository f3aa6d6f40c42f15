/** A short explanation on hover and focus. */

import { Tooltip as Radix } from "radix-ui";
import type { ReactNode } from "react";

import { Kbd } from "./Kbd";
import { usePortalHost } from "./portal";

export interface TooltipProps {
  content: ReactNode;
  hint?: string | undefined;
  side?: "top" | "right" | "bottom" | "left";
  /** One element that takes a ref and handlers. */
  children: ReactNode;
}

export function TooltipProvider({ children }: { children: ReactNode }) {
  return (
    <Radix.Provider delayDuration={250} skipDelayDuration={200}>
      {children}
    </Radix.Provider>
  );
}

export function Tooltip({ content, hint, side = "top", children }: TooltipProps) {
  return (
    <Radix.Root>
      <Radix.Trigger asChild>{children}</Radix.Trigger>
      <Radix.Portal container={usePortalHost()}>
        <Radix.Content
          side={side}
          sideOffset={5}
          collisionPadding={8}
          className="z-50 max-w-80 rounded-md border border-line-strong bg-raised px-2.5 py-1.5 text-xs leading-relaxed text-ink shadow-pop"
        >
          {content}
          {hint ? <Kbd className="ml-2">{hint}</Kbd> : null}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
