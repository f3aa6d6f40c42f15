/** Loading a newer price book: what it would change, and taking it. */

import { Upload } from "lucide-react";
import { useRef, useState } from "react";

import { useSendPriceBook } from "../../../api/prices";
import type { PriceBookDiff, PriceChange } from "../../../api/types";
import { Button } from "../../../components/core/Button";
import { Dialog } from "../../../components/core/Dialog";
import { toast } from "../../../components/core/Toast";
import { formatUsdExact } from "../../../lib/money";
import { formatCount, plural } from "../../../lib/numbers";

export function BookUpdate() {
  const input = useRef<HTMLInputElement>(null);
  const [file, setFile] = useState<File | null>(null);
  const send = useSendPriceBook();

  function look(chosen: File) {
    setFile(chosen);
    send.mutate({ file: chosen, take: false, older: false });
  }
  function close() {
    setFile(null);
    send.reset();
    if (input.current) input.current.value = "";
  }
  function take() {
    if (!file) return;
    // An older book was shown for what it is before.
    send.mutate(
      { file, take: true, older: true },
      {
        onSuccess: (diff) => {
          toast(`Calls are priced by ${diff.new_version} from now on.`);
          close();
        },
      },
    );
  }
  return (
    <>
      <input
        ref={input}
        type="file"
        aria-label="Price book file"
        className="sr-only"
        tabIndex={-1}
        onChange={(event) => {
          const chosen = event.target.files?.[0];
          if (chosen) look(chosen);
        }}
      />
      <Button size="sm" onClick={() => input.current?.click()}>
        <Upload aria-hidden className="size-3.5" />
        Load a newer book…
      </Button>
      <Dialog open={file !== null} onClose={close} title="What this price book changes" width="table">
        <div className="flex flex-col gap-3 overflow-y-auto px-4 pb-4">
          {send.isPending && !send.data ? <p className="text-ink-2">Reading {file?.name}…</p> : null}
          {send.error ? (
            <p role="alert" className="text-bad">
              {send.error.message}
            </p>
          ) : null}
          {send.data ? <Differences diff={send.data} /> : null}
          <div className="flex justify-end gap-2">
            <Button onClick={close}>Keep the old one</Button>
            <Button variant="primary" disabled={!send.data || send.isPending} onClick={take}>
              Use this book
            </Button>
          </div>
        </div>
      </Dialog>
    </>
  );
}

function Differences({ diff }: { diff: PriceBookDiff }) {
  return (
    <>
      <p className="text-ink-2">
        From <code className="font-mono">{diff.old_version}</code> to <code className="font-mono">{diff.new_version}</code>:{" "}
        {diff.changes.length === 0 ? "the same prices." : `${plural(diff.changes.length, "change")}${diff.truncated ? " shown, and more" : ""}.`}
        {diff.past_changes > 0 ? ` ${plural(diff.past_changes, "of them changes", "of them change")} what earlier calls would have cost.` : ""}
      </p>
      <p className="text-xs break-all text-ink-3">SHA-256 {diff.sha256}</p>
      {diff.changes.length > 0 ? (
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <div role="region" aria-label="Changes" tabIndex={0} className="relative max-h-80 overflow-auto rounded-md border border-line">
          <table className="w-full min-w-[36rem]">
            <thead className="text-xs text-ink-3">
              <tr>
                {["Model", "What", "Before", "After"].map((title) => (
                  <th key={title} scope="col" className="px-3 py-1 text-left font-normal">
                    {title}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody className="align-top">
              {diff.changes.map((change) => (
                <Change key={`${change.provider} ${change.model} ${change.subject} ${change.conditions} ${change.change}`} change={change} />
              ))}
            </tbody>
          </table>
        </div>
      ) : null}
    </>
  );
}

function Change({ change }: { change: PriceChange }) {
  const per = change.per === null ? "" : change.per === 1 ? " each" : ` per ${formatCount(change.per)}`;
  return (
    <tr className="border-t border-line">
      <td className="px-3 py-1.5">
        {change.model ?? "—"} <span className="text-xs text-ink-3">{change.provider}</span>
      </td>
      <td className="px-3 py-1.5">
        {change.change} {change.subject}
        {change.conditions ? <div className="text-xs text-ink-3">{change.conditions}</div> : null}
      </td>
      <td className="px-3 py-1.5">{change.old_usd === null ? (change.old ?? "—") : `${formatUsdExact(change.old_usd)}${per}`}</td>
      <td className="px-3 py-1.5">
        {change.new_usd === null ? (change.new ?? "—") : `${formatUsdExact(change.new_usd)}${per}`}
        {change.percent === null ? null : <span className="ml-1 text-xs text-ink-3">{change.percent} %</span>}
      </td>
    </tr>
  );
}
