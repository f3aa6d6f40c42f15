/** The projects of this collector: the one in sight, the others, a new one. */

import { Plus } from "lucide-react";
import { type FormEvent, useState } from "react";

import { useCreateProject, useRenameProject } from "../../api/queries";
import type { Project } from "../../api/types";
import { Badge } from "../../components/core/Badge";
import { Button } from "../../components/core/Button";
import { Card } from "../../components/core/Card";
import { Dialog } from "../../components/core/Dialog";
import { Input, Labelled } from "../../components/core/Field";
import { toast } from "../../components/core/Toast";
import { formatCount } from "../../lib/numbers";
import { useUrl } from "../../lib/use-url";

type Editing = { kind: "new" } | { kind: "rename"; project: Project };

export function Projects({ known }: { known: readonly Project[] }) {
  const { project: shown, set } = useUrl();
  const [editing, setEditing] = useState<Editing | null>(null);
  function show(id: string) {
    set({ project: id === "default" ? undefined : id });
  }
  return (
    <Card
      title="Projects"
      className="pb-2"
      actions={
        <Button size="sm" onClick={() => setEditing({ kind: "new" })}>
          <Plus aria-hidden className="size-3.5" />
          New project
        </Button>
      }
    >
      <table className="relative w-full">
        <thead className="text-xs text-ink-3">
          <tr>
            <th scope="col" className="py-1 pl-4 text-left font-normal">
              Name
            </th>
            <th scope="col" className="hidden py-1 text-left font-normal sm:table-cell">
              Id
            </th>
            <th scope="col" className="py-1 text-right font-normal">
              Events
            </th>
            <th scope="col">
              <span className="sr-only">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {known.map((project) => (
            <tr key={project.id} className="hover:bg-hover">
              <td className="h-9 pl-4 font-medium">
                {project.name} {project.id === shown ? <Badge tone="accent">shown</Badge> : null}
              </td>
              <td className="hidden font-mono text-xs sm:table-cell">{project.id}</td>
              <td className="text-right">{formatCount(project.event_count)}</td>
              <td className="pr-4 text-right whitespace-nowrap">
                {project.id === shown ? null : (
                  <Button size="sm" variant="ghost" aria-label={`Show ${project.name}`} onClick={() => show(project.id)}>
                    Show
                  </Button>
                )}
                <Button size="sm" variant="ghost" aria-label={`Rename ${project.name}`} onClick={() => setEditing({ kind: "rename", project })}>
                  Rename
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <Dialog open={editing !== null} onClose={() => setEditing(null)} title={editing?.kind === "rename" ? "Rename the project" : "New project"}>
        {editing ? <ProjectForm editing={editing} onDone={() => setEditing(null)} onCreated={show} /> : null}
      </Dialog>
    </Card>
  );
}

interface ProjectFormProps {
  editing: Editing;
  onDone: () => void;
  onCreated: (id: string) => void;
}

function ProjectForm({ editing, onDone, onCreated }: ProjectFormProps) {
  const [name, setName] = useState(editing.kind === "rename" ? editing.project.name : "");
  const create = useCreateProject();
  const rename = useRenameProject();
  const pending = create.isPending || rename.isPending;
  const error = create.error ?? rename.error;
  function submit(event: FormEvent) {
    event.preventDefault();
    const wanted = name.trim();
    if (editing.kind === "rename") {
      rename.mutate({ id: editing.project.id, name: wanted }, { onSuccess: onDone });
      return;
    }
    create.mutate({ name: wanted, id: null }, {
      onSuccess: (project) => {
        onDone();
        onCreated(project.id);
        toast(`${project.name} is ready. Applications send to it with one of its own keys.`);
      },
    });
  }
  return (
    <form onSubmit={submit} className="flex flex-col gap-3 px-4 pb-4">
      <Labelled
        label="Name"
        note={editing.kind === "rename" ? "The id stays, so keys and links go on working." : "Its id is made from the name. Events, keys and figures of projects are apart."}
        error={error?.message}
      >
        {({ id, describedBy }) => (
          <Input id={id} required maxLength={100} aria-describedby={describedBy} value={name} onChange={(event) => setName(event.target.value)} />
        )}
      </Labelled>
      <div className="flex justify-end gap-2">
        <Button onClick={onDone}>Cancel</Button>
        <Button type="submit" variant="primary" disabled={pending || name.trim() === ""}>
          {editing.kind === "rename" ? "Rename" : "Create project"}
        </Button>
      </div>
    </form>
  );
}
