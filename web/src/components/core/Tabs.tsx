/** Tabs over panels, and a row of buttons of which one is chosen. */

import { Tabs as Radix, ToggleGroup } from "radix-ui";
import type { ReactNode } from "react";

import { cx } from "./cx";

export interface TabsProps {
  value: string;
  onChange: (value: string) => void;
  tabs: readonly { value: string; label: ReactNode; content: ReactNode }[];
  label: string;
  className?: string;
  /** What is below the tabs scrolls by itself. */
  scrolls?: boolean;
}

export function Tabs({ value, onChange, tabs, label, className, scrolls = false }: TabsProps) {
  return (
    <Radix.Root value={value} onValueChange={onChange} className={cx("flex min-h-0 flex-col", className)}>
      <Radix.List aria-label={label} className="flex gap-4 border-b border-line">
        {tabs.map((tab) => (
          <Radix.Trigger
            key={tab.value}
            value={tab.value}
            className="-mb-px h-8 border-b-2 border-transparent text-sm text-ink-2 hover:text-ink data-[state=active]:border-accent data-[state=active]:font-medium data-[state=active]:text-ink"
          >
            {tab.label}
          </Radix.Trigger>
        ))}
      </Radix.List>
      {tabs.map((tab) => (
        <Radix.Content key={tab.value} value={tab.value} className={cx("min-h-0 flex-1 outline-offset-[-2px]", scrolls && "overflow-y-auto py-3")}>
          {tab.content}
        </Radix.Content>
      ))}
    </Radix.Root>
  );
}

export interface SegmentedProps {
  value: string;
  onChange: (value: string) => void;
  options: readonly { value: string; label: ReactNode; title?: string }[];
  label: string;
}

export function Segmented({ value, onChange, options, label }: SegmentedProps) {
  return (
    <ToggleGroup.Root
      type="single"
      value={value}
      onValueChange={(next) => {
        if (next) onChange(next);
      }}
      aria-label={label}
      className="inline-flex rounded-md border border-line bg-sunken p-0.5"
    >
      {options.map((option) => (
        <ToggleGroup.Item
          key={option.value}
          value={option.value}
          aria-label={option.title}
          title={option.title}
          className="inline-flex h-6 items-center rounded-sm px-2 text-xs text-ink-2 hover:text-ink data-[state=on]:bg-surface data-[state=on]:font-medium data-[state=on]:text-ink data-[state=on]:shadow-xs dark:data-[state=on]:bg-raised"
        >
          {option.label}
        </ToggleGroup.Item>
      ))}
    </ToggleGroup.Root>
  );
}
