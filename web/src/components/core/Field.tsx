/** Text fields, native selects and their labels. */

import { ChevronDown } from "lucide-react";
import { type ComponentProps, type ReactNode, useId } from "react";

import { cx } from "./cx";

const BOX =
  "h-8 w-full min-w-0 rounded-md border border-line-strong bg-surface text-sm text-ink placeholder:text-ink-3 hover:border-ink-3 disabled:opacity-50 aria-invalid:border-bad";

export function Input({ className, ...rest }: ComponentProps<"input">) {
  return <input className={cx(BOX, "px-2.5", className)} {...rest} />;
}

export interface SelectProps extends ComponentProps<"select"> {
  options: readonly { value: string; label: string }[];
}

/** The browser's own list: works with every keyboard, reader and phone. */
export function Select({ options, className, ...rest }: SelectProps) {
  return (
    <span className={cx("relative inline-flex", className)}>
      <select className={cx(BOX, "appearance-none py-0 pr-7 pl-2.5")} {...rest}>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
      <ChevronDown aria-hidden className="pointer-events-none absolute top-2 right-2 size-4 text-ink-3" />
    </span>
  );
}

export interface LabelledProps {
  label: string;
  note?: ReactNode;
  error?: string | undefined;
  children: (ids: { id: string; describedBy: string | undefined }) => ReactNode;
}

export function Labelled({ label, note, error, children }: LabelledProps) {
  const id = useId();
  const noteId = `${id}-note`;
  const said = error ?? note;
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="text-xs font-medium text-ink-2">
        {label}
      </label>
      {children({ id, describedBy: said ? noteId : undefined })}
      {said ? (
        <p id={noteId} role={error ? "alert" : undefined} className={cx("text-xs", error ? "text-bad" : "text-ink-3")}>
          {said}
        </p>
      ) : null}
    </div>
  );
}
