/** The keys of the project: who may send events, who may read. */

import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";

import { useKeys, useRevokeKey } from "../../api/queries";
import type { ApiKey, Meta } from "../../api/types";
import { Badge } from "../../components/core/Badge";
import { Button } from "../../components/core/Button";
import { Card } from "../../components/core/Card";
import { Dialog } from "../../components/core/Dialog";
import { Empty, Failure, Skeleton } from "../../components/core/States";
import { toast } from "../../components/core/Toast";
import { Ago, Instant } from "../../components/figure/Figures";
import { acceptsWithoutKey } from "../../components/setup/access";
import { NewKeyDialog } from "../../components/setup/NewKey";
import { SetupCode } from "../../components/setup/SetupCode";
import { useLast } from "../../lib/use-last";
import { useNow } from "../../lib/use-now";
import { useUrl } from "../../lib/use-url";

export function KeysTab({ meta }: { meta: Meta }) {
  const { project, zone } = useUrl();
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<ApiKey | null>(null);
  const keys = useKeys(project);
  const rows = useLast(keys.data);
  const isKeyless = acceptsWithoutKey(meta, project);
  return (
    <div className="flex flex-col gap-3 pt-4">
      <Card title="Connect an application" className="pb-4">
        <div className="flex flex-col gap-2 px-4">
          <p className="text-ink-2">
            {isKeyless
              ? "Two lines before the first call. From this machine no key is needed; from others add api_key=… with a key below."
              : "Two lines before the first call, with a key from below in place of the dots."}
          </p>
          <SetupCode collectorUrl={meta.collector_url} apiKey={isKeyless ? null : "…"} />
        </div>
      </Card>
      <Card
        title="API keys"
        className="pb-2"
        actions={
          <Button size="sm" variant="primary" onClick={() => setCreating(true)}>
            <Plus aria-hidden className="size-3.5" />
            New key
          </Button>
        }
      >
        {keys.error && !rows ? <Failure doing="Loading the keys" error={keys.error} onRetry={() => void keys.refetch()} /> : null}
        {!keys.error && !rows ? <Skeleton className="mx-4 my-2 h-24" /> : null}
        {rows?.length === 0 ? (
          <Empty title="No keys yet" icon={<KeyRound aria-hidden className="size-5" />}>
            A key lets an application on another machine send its events here.
          </Empty>
        ) : null}
        {rows && rows.length > 0 ? <KeyTable rows={rows} zone={zone} onRevoke={setRevoking} /> : null}
      </Card>
      <NewKeyDialog open={creating} onClose={() => setCreating(false)} project={project} collectorUrl={meta.collector_url} />
      <RevokeDialog apiKey={revoking} onClose={() => setRevoking(null)} />
    </div>
  );
}

interface KeyTableProps {
  rows: readonly ApiKey[];
  zone: string;
  onRevoke: (key: ApiKey) => void;
}

function KeyTable({ rows, zone, onRevoke }: KeyTableProps) {
  const ordered = rows.toSorted((a, b) => Number(a.revoked_at !== null) - Number(b.revoked_at !== null));
  return (
    // Reachable by the keyboard, because on a phone the table scrolls sideways.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div role="region" aria-label="Keys" tabIndex={0} className="relative overflow-x-auto">
      <table className="w-full min-w-[40rem]">
        <thead className="text-xs text-ink-3">
          <tr>
            {["Name", "Starts with", "May", "Created", "Last used", "Ends"].map((title) => (
              <th key={title} scope="col" className="py-1 pr-3 text-left font-normal first:pl-4">
                {title}
              </th>
            ))}
            <th scope="col" className="sr-only">
              Revoke
            </th>
          </tr>
        </thead>
        <tbody>
          {ordered.map((key) => (
            <tr key={key.id} className={key.revoked_at ? "text-ink-3" : "hover:bg-hover"}>
              <td className="h-9 pr-3 pl-4 font-medium">{key.name}</td>
              <td className="pr-3 font-mono text-xs whitespace-nowrap">{key.prefix}…</td>
              <td className="pr-3">
                <Badge tone={key.scope === "admin" ? "warn" : "neutral"}>{key.scope}</Badge>
              </td>
              <td className="pr-3 whitespace-nowrap">
                <Ago iso={key.created_at} zone={zone} />
              </td>
              <td className="pr-3 whitespace-nowrap">{key.last_used_at ? <Ago iso={key.last_used_at} zone={zone} /> : "never"}</td>
              <td className="pr-3 whitespace-nowrap">
                <Ending apiKey={key} zone={zone} />
              </td>
              <td className="pr-4 text-right whitespace-nowrap">
                {key.revoked_at ? null : (
                  <Button size="sm" aria-label={`Revoke ${key.name}`} onClick={() => onRevoke(key)}>
                    Revoke
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Ending({ apiKey, zone }: { apiKey: ApiKey; zone: string }) {
  const nowMs = useNow();
  if (apiKey.revoked_at) {
    return (
      <>
        revoked <Ago iso={apiKey.revoked_at} zone={zone} />
      </>
    );
  }
  if (!apiKey.expires_at) return <span className="text-ink-3">never</span>;
  const isOver = Date.parse(apiKey.expires_at) <= nowMs;
  return (
    <span className={isOver ? "text-bad" : undefined}>
      {isOver ? "expired " : ""}
      <Instant iso={apiKey.expires_at} zone={zone} />
    </span>
  );
}

function RevokeDialog({ apiKey, onClose }: { apiKey: ApiKey | null; onClose: () => void }) {
  const revoke = useRevokeKey();
  function confirm() {
    if (!apiKey) return;
    revoke.mutate(apiKey.id, {
      onSuccess: () => {
        toast(`Revoked ${apiKey.name}.`);
        onClose();
      },
      onError: (error) => toast(`Revoking ${apiKey.name} failed: ${error.message}`, "bad"),
    });
  }
  return (
    <Dialog open={apiKey !== null} onClose={onClose} title={`Revoke ${apiKey?.name ?? "the key"}?`}>
      <div className="flex flex-col gap-3 px-4 pb-4">
        <p className="text-ink-2">
          Applications that use <code className="font-mono text-xs">{apiKey?.prefix}…</code> are refused from now on. They
          keep their events on disk until they get a valid key. A revoked key cannot be brought back.
        </p>
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Keep it</Button>
          <Button variant="danger" disabled={revoke.isPending} onClick={confirm}>
            {revoke.isPending ? "Revoking…" : "Revoke"}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
