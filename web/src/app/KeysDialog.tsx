/** The list of keys that work on this page. */

import { Dialog } from "../components/core/Dialog";
import { Kbd } from "../components/core/Kbd";
import { allShortcuts, keyLabels } from "../lib/use-shortcuts";

export function KeysDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} title="Keys">
      <KeyList />
    </Dialog>
  );
}

function KeyList() {
  const shortcuts = allShortcuts();
  const groups = [...new Set(shortcuts.map((shortcut) => shortcut.group))];
  return (
    <div className="grid gap-4 overflow-y-auto px-4 pb-4">
      {groups.map((group) => (
        <section key={group}>
          <h3 className="pb-1 text-xs font-medium text-ink-3">{group}</h3>
          <dl>
            {shortcuts
              .filter((shortcut) => shortcut.group === group)
              .map((shortcut) => (
                <div key={shortcut.keys} className="flex items-center justify-between gap-4 border-b border-line py-1.5 last:border-0">
                  <dt>{shortcut.label}</dt>
                  <dd className="flex gap-1">
                    {keyLabels(shortcut.keys).map((key) => (
                      <Kbd key={key}>{key}</Kbd>
                    ))}
                  </dd>
                </div>
              ))}
          </dl>
        </section>
      ))}
    </div>
  );
}
