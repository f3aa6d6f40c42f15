/** Drop-down menus and popovers; not modal, so that nothing is injected to lock the page. */

import { Check } from "lucide-react";
import { DropdownMenu, Popover as RadixPopover } from "radix-ui";
import type { ReactNode } from "react";

import { cx } from "./cx";
import { usePortalHost } from "./portal";

const PANEL = "z-40 max-h-[70vh] overflow-y-auto rounded-lg border border-line-strong bg-raised text-sm shadow-pop";
const ITEM =
  "flex h-8 cursor-default items-center gap-2 rounded-md px-2 outline-none select-none data-[highlighted]:bg-hover data-[disabled]:opacity-50";

export interface MenuProps {
  trigger: ReactNode;
  align?: "start" | "end";
  children: ReactNode;
}

export function Menu({ trigger, align = "start", children }: MenuProps) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal container={usePortalHost()}>
        <DropdownMenu.Content align={align} sideOffset={5} collisionPadding={8} className={cx(PANEL, "min-w-44 p-1")}>
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

export interface MenuItemProps {
  onSelect: () => void;
  icon?: ReactNode;
  note?: ReactNode;
  children: ReactNode;
}

export function MenuItem({ onSelect, icon, note, children }: MenuItemProps) {
  return (
    <DropdownMenu.Item className={ITEM} onSelect={onSelect}>
      {icon}
      <span className="min-w-0 flex-1 truncate">{children}</span>
      {note ? <span className="text-xs text-ink-3">{note}</span> : null}
    </DropdownMenu.Item>
  );
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return <DropdownMenu.Label className="px-2 pt-1.5 pb-1 text-xs text-ink-3">{children}</DropdownMenu.Label>;
}

export interface MenuChoiceProps {
  value: string;
  options: readonly { value: string; label: string; note?: string }[];
  onChange: (value: string) => void;
}

export function MenuChoice({ value, options, onChange }: MenuChoiceProps) {
  return (
    <DropdownMenu.RadioGroup value={value} onValueChange={onChange}>
      {options.map((option) => (
        <DropdownMenu.RadioItem key={option.value} value={option.value} className={ITEM}>
          <span className="flex w-4 justify-center">
            <DropdownMenu.ItemIndicator>
              <Check aria-hidden className="size-3.5 text-accent-ink" />
            </DropdownMenu.ItemIndicator>
          </span>
          <span className="min-w-0 flex-1 truncate">{option.label}</span>
          {option.note ? <span className="text-xs text-ink-3">{option.note}</span> : null}
        </DropdownMenu.RadioItem>
      ))}
    </DropdownMenu.RadioGroup>
  );
}

export interface MenuCheckProps {
  checked: boolean;
  disabled?: boolean;
  onChange: (checked: boolean) => void;
  children: ReactNode;
}

/** A tick box; the menu stays open, as several are set in a row. */
export function MenuCheck({ checked, disabled = false, onChange, children }: MenuCheckProps) {
  return (
    <DropdownMenu.CheckboxItem
      checked={checked}
      disabled={disabled}
      onCheckedChange={onChange}
      onSelect={(event) => event.preventDefault()}
      className={ITEM}
    >
      <span className="flex w-4 justify-center">
        <DropdownMenu.ItemIndicator>
          <Check aria-hidden className="size-3.5 text-accent-ink" />
        </DropdownMenu.ItemIndicator>
      </span>
      {children}
    </DropdownMenu.CheckboxItem>
  );
}

export interface PopoverProps {
  /** Spoken name of what opens. */
  label: string;
  trigger: ReactNode;
  open?: boolean;
  onOpenChange?: (open: boolean) => void;
  align?: "start" | "end";
  className?: string;
  children: ReactNode;
}

export function Popover({ label, trigger, open, onOpenChange, align = "start", className, children }: PopoverProps) {
  const state = open === undefined ? {} : { open };
  return (
    <RadixPopover.Root {...state} {...(onOpenChange ? { onOpenChange } : {})}>
      <RadixPopover.Trigger asChild>{trigger}</RadixPopover.Trigger>
      <RadixPopover.Portal container={usePortalHost()}>
        <RadixPopover.Content aria-label={label} align={align} sideOffset={5} collisionPadding={8} className={cx(PANEL, "p-3", className)}>
          {children}
        </RadixPopover.Content>
      </RadixPopover.Portal>
    </RadixPopover.Root>
  );
}
