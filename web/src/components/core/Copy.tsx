/** Copying to the clipboard, and code that can be copied. */

import { Check, Copy } from "lucide-react";
import { useState } from "react";

import { IconButton } from "./Button";
import { cx } from "./cx";
import { toast } from "./Toast";

const CONFIRM_MS = 1_500;

/** Copies, also on plain http where the browser offers no clipboard API. */
export async function copyText(text: string): Promise<boolean> {
  if (window.isSecureContext && navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Refused by the browser: the older way may be allowed still.
    }
  }
  const field = document.createElement("textarea");
  field.value = text;
  field.setAttribute("readonly", "");
  // Inside an open modal, as nothing outside of it takes focus.
  const host = document.querySelector("dialog[open]") ?? document.body;
  host.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}

export interface CopyButtonProps {
  text: string;
  label?: string;
  className?: string;
}

export function CopyButton({ text, label = "Copy", className }: CopyButtonProps) {
  const [copied, setCopied] = useState(false);
  async function copy() {
    if (!(await copyText(text))) {
      toast("The browser refused to copy. Select the text and copy it by hand.", "bad");
      return;
    }
    setCopied(true);
    setTimeout(() => setCopied(false), CONFIRM_MS);
  }
  return (
    <IconButton
      size="sm"
      label={copied ? "Copied" : label}
      className={className ?? ""}
      icon={copied ? <Check aria-hidden className="size-3.5 text-good" /> : <Copy aria-hidden className="size-3.5" />}
      onClick={() => void copy()}
    />
  );
}

export interface CodeBlockProps {
  code: string;
  label?: string;
  className?: string;
}

export function CodeBlock({ code, label = "Copy code", className }: CodeBlockProps) {
  return (
    <div className={cx("relative rounded-md border border-line bg-sunken", className)}>
      <pre className="p-3 pr-10 font-mono text-xs leading-relaxed wrap-anywhere whitespace-pre-wrap text-ink">
        <code>{code}</code>
      </pre>
      <CopyButton text={code} label={label} className="absolute top-1.5 right-1.5" />
    </div>
  );
}
