/** Buttons in three weights, and square ones with an icon and a spoken label. */

import type { ComponentProps, ReactNode } from "react";

import { cx } from "./cx";
import { Tooltip } from "./Tooltip";

type Variant = "primary" | "default" | "selected" | "dashed" | "ghost" | "danger";

const VARIANTS: Record<Variant, string> = {
  primary: "bg-accent text-on-accent border-transparent hover:brightness-110",
  default: "bg-surface text-ink border-line-strong hover:bg-hover",
  selected: "bg-accent-soft text-ink border-accent",
  dashed: "bg-surface text-ink-2 border-line-strong border-dashed hover:bg-hover hover:text-ink",
  ghost: "bg-transparent text-ink-2 border-transparent hover:bg-hover hover:text-ink",
  danger: "bg-bad text-on-bad border-transparent hover:brightness-110",
};

export interface ButtonProps extends ComponentProps<"button"> {
  variant?: Variant;
  size?: "sm" | "md";
  /** As wide as high, for an icon. */
  square?: boolean;
}

const SIZES = { sm: "h-6 text-xs", md: "h-8 text-sm" };
const PADDED = { sm: "px-2", md: "px-2.5" };
const SQUARE = { sm: "w-6", md: "w-8" };

export function Button({ variant = "default", size = "md", square = false, className, type = "button", ...rest }: ButtonProps) {
  return (
    <button
      type={type}
      className={cx(
        "inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md border font-medium whitespace-nowrap select-none transition-colors disabled:opacity-50",
        SIZES[size],
        square ? SQUARE[size] : PADDED[size],
        VARIANTS[variant],
        className,
      )}
      {...rest}
    />
  );
}

export interface IconButtonProps extends Omit<ButtonProps, "children"> {
  /** Spoken, and shown on hover. */
  label: string;
  icon: ReactNode;
  /** Key that does the same. */
  hint?: string;
}

export function IconButton({ label, icon, hint, variant = "ghost", ...rest }: IconButtonProps) {
  return (
    <Tooltip content={label} hint={hint}>
      <Button aria-label={label} square variant={variant} {...rest}>
        {icon}
      </Button>
    </Tooltip>
  );
}
