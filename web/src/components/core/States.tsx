/** What stands in the place of data: loading, nothing, failure. */

import { CircleAlert, LoaderCircle } from "lucide-react";
import type { ReactNode } from "react";

import { Button } from "./Button";
import { cx } from "./cx";

export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={cx("animate-pulse rounded-md bg-hover", className)} />;
}

export function Loading({ label = "Loading" }: { label?: string }) {
  return (
    <output className="flex items-center justify-center gap-2 p-8 text-ink-3">
      <LoaderCircle aria-hidden className="size-4 animate-spin" />
      {label}…
    </output>
  );
}

export interface EmptyProps {
  title: string;
  icon?: ReactNode;
  children?: ReactNode;
  action?: ReactNode;
}

export function Empty({ title, icon, children, action }: EmptyProps) {
  return (
    <div className="mx-auto flex max-w-md flex-col items-center gap-2 p-8 text-center">
      {icon ? <div className="text-ink-3">{icon}</div> : null}
      <p className="font-medium text-ink">{title}</p>
      {children ? <div className="text-ink-2">{children}</div> : null}
      {action ? <div className="mt-2">{action}</div> : null}
    </div>
  );
}

export interface FailureProps {
  /** What was being done, as `Loading the runs`. */
  doing: string;
  error: Error;
  onRetry?: () => void;
  /** Another way out. */
  action?: ReactNode;
}

export function Failure({ doing, error, onRetry, action }: FailureProps) {
  return (
    <div role="alert" className="mx-auto flex max-w-lg flex-col items-center gap-2 p-8 text-center">
      <CircleAlert aria-hidden className="size-5 text-bad" />
      <p className="font-medium">{doing} failed</p>
      <p className="text-ink-2">{error.message}</p>
      {onRetry ? <Button onClick={onRetry}>Try again</Button> : null}
      {action}
    </div>
  );
}

/** One line above data that is shown still, though asking again failed. */
export function StaleNotice({ doing, error, onRetry }: FailureProps) {
  return (
    <div role="alert" className="flex flex-wrap items-center gap-2 rounded-md bg-bad-soft px-3 py-1.5 text-xs text-bad">
      <CircleAlert aria-hidden className="size-3.5 shrink-0" />
      <span className="min-w-0 flex-1">
        {doing} failed: {error.message} What you see is older.
      </span>
      {onRetry ? (
        <Button size="sm" onClick={onRetry}>
          Try again
        </Button>
      ) : null}
    </div>
  );
}
