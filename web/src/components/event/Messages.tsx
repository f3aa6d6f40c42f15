/** What was said, as chat. Everything is shown as text: nothing in it is run, loaded or linked. */

import { useState } from "react";

import type { ContentBody } from "../../api/types";
import { plural } from "../../lib/numbers";
import { Badge, type Tone } from "../core/Badge";
import { Button } from "../core/Button";
import { CopyButton } from "../core/Copy";
import { Segmented } from "../core/Tabs";
import { type ChatMessage, inputMessages, type MessagePart, outputMessages } from "./messages";

const FOLD_CHARS = 1_600;

const ROLE_TONES: Record<string, Tone> = { user: "accent", assistant: "good", system: "neutral", developer: "neutral", tool: "warn" };

/** Long text folded, with a way to see the rest. */
function LongText({ text, mono = false }: { text: string; mono?: boolean }) {
  const [open, setOpen] = useState(false);
  const long = text.length > FOLD_CHARS;
  return (
    <div>
      <div className={`whitespace-pre-wrap ${mono ? "font-mono text-xs" : ""}`}>{long && !open ? `${text.slice(0, FOLD_CHARS)}…` : text}</div>
      {long ? (
        <Button size="sm" variant="ghost" className="mt-1 -ml-2" onClick={() => setOpen(!open)}>
          {open ? "Show less" : `Show ${plural(text.length - FOLD_CHARS, "more character", "more characters")}`}
        </Button>
      ) : null}
    </div>
  );
}

function Part({ part }: { part: MessagePart }) {
  switch (part.kind) {
    case "text":
      return <LongText text={part.text} />;
    case "reasoning":
      return (
        <div className="border-l-2 border-line-strong pl-2 text-ink-2 italic">
          <LongText text={part.text} />
        </div>
      );
    case "tool_call":
      return (
        <div className="rounded-md border border-line bg-sunken p-2">
          <div className="mb-1 text-xs text-ink-2">
            calls <span className="font-mono font-medium text-ink">{part.name}</span>
            {part.id ? <span className="ml-2 font-mono text-ink-3">{part.id}</span> : null}
          </div>
          <LongText text={part.args} mono />
        </div>
      );
    case "tool_result":
      return (
        <div className="rounded-md border border-line bg-sunken p-2">
          <div className="mb-1 text-xs text-ink-2">
            result {part.id ? <span className="ml-1 font-mono text-ink-3">{part.id}</span> : null}
          </div>
          <LongText text={part.text} mono />
        </div>
      );
    case "media":
      return <Badge>{part.label}</Badge>;
  }
}

function Message({ message }: { message: ChatMessage }) {
  return (
    <article className="flex flex-col gap-1.5 border-b border-line py-2.5 last:border-0">
      <div>
        <Badge tone={ROLE_TONES[message.role] ?? "neutral"}>{message.role}</Badge>
      </div>
      {message.parts.map((part, index) => (
        // Parts of a stored message never move, so their position is their identity.
        <Part key={index} part={part} />
      ))}
      {message.parts.length === 0 ? <p className="text-ink-3">(empty)</p> : null}
    </article>
  );
}

export function Messages({ content }: { content: ContentBody }) {
  const [view, setView] = useState("chat");
  const messages = [...inputMessages(content.input), ...outputMessages(content.output)];
  const raw = JSON.stringify({ input: content.input, output: content.output }, null, 2);
  return (
    <div className="flex flex-col gap-2">
      <div className="flex flex-wrap items-center gap-2">
        <Segmented
          label="How to show the content"
          value={view}
          onChange={setView}
          options={[
            { value: "chat", label: "Chat" },
            { value: "json", label: "JSON" },
          ]}
        />
        {content.truncated ? <Badge tone="warn">cut at the size limit</Badge> : null}
        {content.redactions > 0 ? <Badge>{plural(content.redactions, "secret")} replaced</Badge> : null}
        <span className="flex-1" />
        <CopyButton text={raw} label="Copy as JSON" />
      </div>
      {view === "json" || messages.length === 0 ? (
        <pre className="max-h-[60vh] overflow-auto rounded-md border border-line bg-sunken p-3 font-mono text-xs whitespace-pre-wrap">{raw}</pre>
      ) : (
        <div>
          {messages.map((message, index) => (
            <Message key={index} message={message} />
          ))}
        </div>
      )}
    </div>
  );
}
