/** The typed filter: completion from the collector's fields, chips of its terms, the fault at its place. */

import { CircleAlert, ListFilter, X } from "lucide-react";
import { type KeyboardEvent, type RefObject, useId, useState } from "react";

import { applyCompletion, type Completion, completionsAt, type CompletableField, parseFilter, removeTerm } from "../../lib/filter";
import { cx } from "../core/cx";

export interface FilterBarProps {
  /** The filter in force. */
  value: string;
  onChange: (value: string) => void;
  fields: readonly CompletableField[];
  /** What the collector found wrong with the filter in force. */
  fault: { message: string; position: number | null } | null;
  inputRef: RefObject<HTMLInputElement | null>;
}

export function FilterBar(props: FilterBarProps) {
  const { value, onChange } = props;
  return (
    <div className="flex min-w-0 flex-col gap-1.5">
      <FilterInput {...props} />
      {value ? <TermChips value={value} onChange={onChange} /> : null}
    </div>
  );
}

function FilterInput({ value, onChange, fields, fault, inputRef }: FilterBarProps) {
  const [text, setText] = useState(value);
  const [inForce, setInForce] = useState(value);
  if (inForce !== value) {
    // A filter from elsewhere (a chip, a facet, Back) replaces what was typed.
    setInForce(value);
    setText(value);
  }
  const [caret, setCaret] = useState(value.length);
  const [open, setOpen] = useState(false);
  const [chosen, setChosen] = useState(-1);
  const listId = useId();
  const faultId = useId();
  const options = open ? completionsAt(text, caret, fields) : [];
  const [first] = options;
  const selected = options[chosen];

  function edit(next: string, at: number) {
    setText(next);
    setCaret(at);
    setChosen(-1);
    setOpen(true);
  }
  function accept(option: Completion) {
    const next = applyCompletion(text, option);
    edit(next.text, next.caret);
    requestAnimationFrame(() => inputRef.current?.setSelectionRange(next.caret, next.caret));
  }
  function onKeyDown(event: KeyboardEvent<HTMLInputElement>) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setOpen(true);
      const step = event.key === "ArrowDown" ? 1 : -1;
      setChosen((before) => (options.length === 0 ? -1 : (before + step + options.length) % options.length));
    } else if (event.key === "Tab" && first && (chosen >= 0 || first.start < first.end)) {
      event.preventDefault();
      accept(selected ?? first);
    } else if (event.key === "Enter" && selected) {
      event.preventDefault();
      accept(selected);
    } else if (event.key === "Enter") {
      setOpen(false);
      onChange(text.trim());
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (open && options.length > 0) setOpen(false);
      else event.currentTarget.blur();
    }
  }
  return (
    <div className="relative">
      <ListFilter aria-hidden className="pointer-events-none absolute top-2 left-2.5 size-4 text-ink-3" />
      <input
        ref={inputRef}
        type="text"
        role="combobox"
        aria-label="Filter"
        aria-expanded={options.length > 0}
        aria-controls={listId}
        aria-autocomplete="list"
        aria-activedescendant={selected ? `${listId}-${chosen}` : undefined}
        aria-invalid={fault ? true : undefined}
        aria-describedby={fault ? faultId : undefined}
        autoComplete="off"
        spellCheck={false}
        placeholder="Filter: model:gpt-5* cost:>0.01 -status:error"
        className="h-8 w-full rounded-md border border-line-strong bg-surface pr-8 pl-8 font-mono text-xs placeholder:text-ink-3 aria-invalid:border-bad"
        value={text}
        onChange={(event) => edit(event.target.value, event.target.selectionStart ?? event.target.value.length)}
        onSelect={(event) => setCaret(event.currentTarget.selectionStart ?? 0)}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
      />
      {text ? (
        <button
          type="button"
          aria-label="Clear the filter"
          className="absolute top-1.5 right-1.5 rounded-sm p-0.5 text-ink-3 hover:text-ink"
          onClick={() => {
            setText("");
            onChange("");
          }}
        >
          <X aria-hidden className="size-4" />
        </button>
      ) : null}
      <CompletionList id={listId} options={options} chosen={chosen} onAccept={accept} />
      {fault ? <Fault id={faultId} text={value} message={fault.message} position={fault.position} /> : null}
    </div>
  );
}

interface CompletionListProps {
  id: string;
  options: readonly Completion[];
  chosen: number;
  onAccept: (option: Completion) => void;
}

function CompletionList({ id, options, chosen, onAccept }: CompletionListProps) {
  return (
    <div
      id={id}
      role="listbox"
      aria-label="Completions"
      className={cx(
        "absolute inset-x-0 top-9 z-30 max-h-80 max-w-xl overflow-y-auto rounded-lg border border-line-strong bg-raised p-1 shadow-pop",
        options.length === 0 && "hidden",
      )}
    >
      {options.map((option, index) => (
        // The focus stays in the field; the arrow keys and Tab choose there.
        // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
        <div
          key={option.label}
          id={`${id}-${index}`}
          role="option"
          tabIndex={-1}
          aria-selected={index === chosen}
          className="flex h-7 cursor-default items-center gap-3 rounded-md px-2 text-xs hover:bg-hover aria-selected:bg-hover"
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => onAccept(option)}
        >
          <span className="font-mono whitespace-nowrap">{option.label}</span>
          <span className="min-w-0 truncate text-ink-3">{option.note}</span>
        </div>
      ))}
    </div>
  );
}

/** The filter once more with the character at fault marked below it, and what is wrong. */
function Fault({ id, text, message, position }: { id: string; text: string; message: string; position: number | null }) {
  return (
    <div id={id} role="alert" className="mt-1 flex items-start gap-2 rounded-md bg-bad-soft px-2.5 py-1.5 text-xs text-bad">
      <CircleAlert aria-hidden className="mt-0.5 size-3.5 shrink-0" />
      <div className="min-w-0">
        {position === null ? null : (
          <code className="block overflow-x-auto font-mono whitespace-pre text-ink-2">
            {text.slice(0, position)}
            <mark className="rounded-xs bg-bad px-px text-on-bad">{text.charAt(position) || " "}</mark>
            {text.slice(position + 1)}
          </code>
        )}
        {message}
      </div>
    </div>
  );
}

function TermChips({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  return (
    <ul aria-label="Conditions" className="flex flex-wrap gap-1">
      {parseFilter(value).map((term) => {
        const text = value.slice(term.start, term.end);
        return (
          <li key={term.start}>
            <span className="inline-flex h-6 items-center gap-1 rounded-md bg-accent-soft pr-1 pl-2 font-mono text-xs text-accent-ink">
              <span className="max-w-72 truncate">{text}</span>
              <button
                type="button"
                aria-label={`Remove ${text}`}
                className="rounded-sm p-0.5 hover:bg-selected"
                onClick={() => onChange(removeTerm(value, term))}
              >
                <X aria-hidden className="size-3" />
              </button>
            </span>
          </li>
        );
      })}
    </ul>
  );
}
