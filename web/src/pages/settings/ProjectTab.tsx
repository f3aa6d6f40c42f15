/** Facts of the project and of the collector behind it. */

import type { ReactNode } from "react";

import { useProjects, useSignOut } from "../../api/queries";
import type { Meta } from "../../api/types";
import { Button } from "../../components/core/Button";
import { Card } from "../../components/core/Card";
import { CopyButton } from "../../components/core/Copy";
import { toast } from "../../components/core/Toast";
import { Projects } from "./Projects";

export function ProjectTab({ meta }: { meta: Meta }) {
  const signOut = useSignOut();
  const projects = useProjects();
  const known = projects.data ?? meta.projects;
  return (
    <div className="flex flex-col gap-3 pt-4">
      <Projects known={known} />
      <Card title="Collector" className="pb-2">
        <Facts
          facts={[
            ["Address for applications", <Copyable key="url" text={meta.collector_url} />],
            ["Version", meta.version],
            ["Store", meta.store],
            ["Price book", meta.price_book],
            ["Access", meta.local_mode ? "This machine only, without accounts" : "With API keys"],
          ]}
        />
      </Card>
      <div>
        <Button
          disabled={signOut.isPending}
          onClick={() => signOut.mutate(undefined, { onError: (error) => toast(`Signing out failed: ${error.message}`, "bad") })}
        >
          Sign this browser out
        </Button>
      </div>
    </div>
  );
}

function Copyable({ text }: { text: string }) {
  return (
    <span className="inline-flex items-center gap-1">
      <code className="font-mono text-xs">{text}</code>
      <CopyButton text={text} />
    </span>
  );
}

function Facts({ facts }: { facts: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="px-4">
      {facts.map(([name, value]) => (
        <div key={name} className="flex min-h-9 flex-wrap items-center gap-x-4 border-b border-line py-1 last:border-0">
          <dt className="w-44 text-ink-3">{name}</dt>
          <dd className="min-w-0 flex-1">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
