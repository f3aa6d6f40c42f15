/** A modal on the browser's own dialog element: focus, Escape and inertness come with it, and no style is injected. */

import { X } from "lucide-react";
import { type ReactNode, useEffect, useId, useRef, useState } from "react";

import { IconButton } from "./Button";
import { cx } from "./cx";
import { PortalHost } from "./portal";

export interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: string;
  /** Leaves the title to readers of the screen only. */
  hideTitle?: boolean;
  /** A click beside the dialog closes it; not for what cannot be shown again. */
  closesOnBackdrop?: boolean;
  /** As wide as a form, or as a table. */
  width?: "form" | "table";
  className?: string;
  children: ReactNode;
}

const WIDTHS = { form: "max-w-lg", table: "max-w-4xl" };

export function Dialog({ open, onClose, title, hideTitle = false, closesOnBackdrop = true, width = "form", className, children }: DialogProps) {
  const [dialog, setDialog] = useState<HTMLDialogElement | null>(null);
  const titleId = useId();
  const heading = useRef<HTMLHeadingElement>(null);
  const pressedOnBackdrop = useRef(false);
  useEffect(() => {
    if (!dialog) return;
    if (open && !dialog.open) {
      dialog.showModal();
      // The browser takes the first element that a script may focus, such as the frame of a list, over what is typed into.
      dialog.querySelector<HTMLElement>("input, textarea, select")?.focus();
    }
    if (!open && dialog.open) dialog.close();
  }, [dialog, open]);
  useEffect(() => {
    if (!open || !dialog?.open) return;
    // Content that takes no focus, or has gone with the focus in it, leaves it to the title: not to the button that
    // closes, whose explanation would take the first Escape.
    const { activeElement } = document;
    const isHeld = activeElement !== document.body && activeElement !== dialog && !activeElement?.closest("[data-dialog-close]");
    if (isHeld || !heading.current) return;
    // Only now: a title that can take the focus would be the first that the browser gives it to.
    heading.current.tabIndex = -1;
    heading.current.focus();
  }, [dialog, open, title]);
  return (
    // A click that reaches the dialog itself hit the backdrop; the keyboard's way out is Escape.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/click-events-have-key-events
    <dialog
      ref={setDialog}
      aria-labelledby={titleId}
      onClose={onClose}
      onPointerDown={(event) => {
        pressedOnBackdrop.current = event.target === event.currentTarget;
      }}
      onClick={(event) => {
        // Text that is selected from inside to outside ends in a click here, too.
        if (closesOnBackdrop && pressedOnBackdrop.current && event.target === event.currentTarget) onClose();
      }}
      className={cx(
        "m-auto mt-[12vh] max-h-[76vh] w-[calc(100vw-2rem)] overflow-hidden rounded-lg border border-line-strong bg-raised p-0 shadow-pop",
        WIDTHS[width],
        className,
      )}
    >
      {open ? (
        <PortalHost value={dialog}>
          <div className="relative flex max-h-[76vh] flex-col">
            <h2 ref={heading} id={titleId} className={hideTitle ? "sr-only" : "py-3.5 outline-none pr-14 pl-4 text-base leading-5 font-semibold"}>
              {title}
            </h2>
            {children}
            {hideTitle ? null : (
              // Last in order, so that the browser gives the focus to the content first.
              <div data-dialog-close className="absolute top-2 right-2">
                <IconButton label="Close" hint="esc" icon={<X aria-hidden className="size-4" />} onClick={onClose} />
              </div>
            )}
          </div>
        </PortalHost>
      ) : null}
    </dialog>
  );
}
