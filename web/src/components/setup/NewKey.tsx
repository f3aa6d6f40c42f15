/** Creating a key, and its secret, which is shown this once. */

import { TriangleAlert } from "lucide-react";
import { type FormEvent, useState } from "react";

import { useCreateKey } from "../../api/queries";
import type { ApiKeyCreated, ApiKeyRequest } from "../../api/types";
import { Button } from "../core/Button";
import { CodeBlock } from "../core/Copy";
import { Dialog } from "../core/Dialog";
import { Input, Labelled, Select } from "../core/Field";
import { SetupCode } from "./SetupCode";

type KeyScope = NonNullable<ApiKeyRequest["scope"]>;

const SCOPES: readonly { value: KeyScope; label: string }[] = [
  { value: "ingest", label: "Ingest: an application may send events" },
  { value: "read", label: "Read: a program may query" },
  { value: "admin", label: "Admin: all of it, keys included" },
];

const LIVES = [
  { value: "", label: "Never" },
  { value: "30", label: "In 30 days" },
  { value: "90", label: "In 90 days" },
  { value: "365", label: "In a year" },
] as const;

export interface NewKeyDialogProps {
  open: boolean;
  onClose: () => void;
  project: string;
  collectorUrl: string;
}

export function NewKeyDialog({ open, onClose, project, collectorUrl }: NewKeyDialogProps) {
  const [created, setCreated] = useState<ApiKeyCreated | null>(null);
  function close() {
    setCreated(null);
    onClose();
  }
  return (
    <Dialog open={open} onClose={close} closesOnBackdrop={created === null} title={created ? "Your new key" : "New API key"}>
      {created ? (
        <Secret created={created} collectorUrl={collectorUrl} onDone={close} />
      ) : (
        <KeyForm project={project} onCreated={setCreated} onCancel={close} />
      )}
    </Dialog>
  );
}

function KeyForm({ project, onCreated, onCancel }: { project: string; onCreated: (key: ApiKeyCreated) => void; onCancel: () => void }) {
  const [name, setName] = useState("");
  const [days, setDays] = useState("");
  const [scope, setScope] = useState<KeyScope>("ingest");
  const create = useCreateKey();
  function submit(event: FormEvent) {
    event.preventDefault();
    create.mutate({ name: name.trim(), scope, project_id: project, expires_in_days: days === "" ? null : Number(days) }, { onSuccess: onCreated });
  }
  return (
    <form onSubmit={submit} className="flex flex-col gap-3 px-4 pb-4">
      <Labelled label="Name" note="Where it will be used, as “billing-api production”." error={create.error?.message}>
        {({ id, describedBy }) => (
          <Input id={id} required maxLength={100} aria-describedby={describedBy} value={name} onChange={(event) => setName(event.target.value)} />
        )}
      </Labelled>
      <Labelled label="May do">
        {({ id }) => (
          <Select id={id} value={scope} options={SCOPES} onChange={(event) => setScope(event.target.value as KeyScope)} />
        )}
      </Labelled>
      <Labelled label="Expires">
        {({ id }) => <Select id={id} value={days} options={LIVES} onChange={(event) => setDays(event.target.value)} />}
      </Labelled>
      <div className="mt-1 flex justify-end gap-2">
        <Button onClick={onCancel}>Cancel</Button>
        <Button type="submit" variant="primary" disabled={create.isPending || name.trim() === ""}>
          {create.isPending ? "Creating…" : "Create key"}
        </Button>
      </div>
    </form>
  );
}

function Secret({ created, collectorUrl, onDone }: { created: ApiKeyCreated; collectorUrl: string; onDone: () => void }) {
  return (
    <div className="flex flex-col gap-3 overflow-y-auto px-4 pb-4">
      <p className="flex items-start gap-2 rounded-md bg-warn-soft px-3 py-2 text-xs text-warn">
        <TriangleAlert aria-hidden className="mt-0.5 size-3.5 shrink-0" />
        Copy the secret now. Only its fingerprint is kept, so nobody can show it again.
      </p>
      <CodeBlock code={created.secret} label="Copy the secret" />
      {created.key.scope === "ingest" ? (
        <>
          <p className="text-ink-2">In the application, before its first call:</p>
          <SetupCode collectorUrl={collectorUrl} apiKey={created.secret} />
        </>
      ) : null}
      <div className="flex justify-end">
        <Button variant="primary" onClick={onDone}>
          Done
        </Button>
      </div>
    </div>
  );
}
