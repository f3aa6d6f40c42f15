/** Stands in for every list as long as no event has arrived, and gives way by itself when the first one does. */

import { LoaderCircle } from "lucide-react";
import { type ReactNode, useState } from "react";

import { useFirstEvent } from "../../api/live";
import type { Meta } from "../../api/types";
import { CodeBlock } from "../../components/core/Copy";
import { acceptsWithoutKey } from "../../components/setup/access";
import { NewKeyDialog } from "../../components/setup/NewKey";
import { SetupCode } from "../../components/setup/SetupCode";
import { useUrl } from "../../lib/use-url";

export function WelcomePage({ meta }: { meta: Meta }) {
  const { project } = useUrl();
  const [creating, setCreating] = useState(false);
  useFirstEvent();
  const isKeyless = acceptsWithoutKey(meta, project);
  return (
    <div className="mx-auto flex max-w-2xl flex-col gap-6 px-4 py-8 md:py-14">
      <div>
        <h2 className="text-xl font-semibold">No events yet</h2>
        <p className="mt-1 text-ink-2">Three steps, and the first call shows up here with its cost.</p>
      </div>
      <ol className="flex flex-col gap-6">
        <Step number={1} title="Install the library where your application runs">
          <CodeBlock code={'pip install "llmobserve>=1"'} label="Copy the command" />
        </Step>
        <Step number={2} title="Add two lines before the first call">
          <SetupCode collectorUrl={meta.collector_url} apiKey={isKeyless ? null : "…"} />
          <p className="text-xs text-ink-3">
            {isKeyless ? "From this machine no key is needed. From other machines " : "The dots stand for a key. To send events "}
            <button type="button" className="text-accent-ink underline underline-offset-2" onClick={() => setCreating(true)}>
              create a key
            </button>
            .
          </p>
        </Step>
        <Step number={3} title="Run it as always">
          <CodeBlock code="python your_app.py" label="Copy the command" />
          <p className="text-xs text-ink-3">
            Nothing at hand? <code className="font-mono">llmobserve demo --url {meta.collector_url} --add</code> sends example data of some months.
          </p>
        </Step>
      </ol>
      <output className="flex items-center gap-2 rounded-lg border border-line bg-surface px-4 py-3 text-ink-2">
        <LoaderCircle aria-hidden className="size-4 animate-spin text-accent-ink" />
        Waiting for the first event. This page changes by itself.
      </output>
      <div className="text-xs text-ink-3">
        Nothing arrives? <code className="font-mono">llmobserve doctor</code> in the environment of the application tells why.
      </div>
      <NewKeyDialog open={creating} onClose={() => setCreating(false)} project={project} collectorUrl={meta.collector_url} />
    </div>
  );
}

function Step({ number, title, children }: { number: number; title: string; children: ReactNode }) {
  return (
    <li className="flex gap-3">
      <span aria-hidden className="flex size-6 shrink-0 items-center justify-center rounded-full bg-accent-soft text-xs font-semibold text-accent-ink">
        {number}
      </span>
      <div className="flex min-w-0 flex-1 flex-col gap-2">
        <h3 className="leading-6 font-medium">{title}</h3>
        {children}
      </div>
    </li>
  );
}
