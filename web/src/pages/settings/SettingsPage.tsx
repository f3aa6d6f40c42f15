/** API keys, the project, prices, and how this browser shows things. */

import { useMeta } from "../../api/queries";
import { Failure, Loading } from "../../components/core/States";
import { Tabs } from "../../components/core/Tabs";
import { cx } from "../../components/core/cx";
import { useUrl } from "../../lib/use-url";
import { DisplayTab } from "./DisplayTab";
import { KeysTab } from "./KeysTab";
import { PricesTab } from "./prices/PricesTab";
import { ProjectTab } from "./ProjectTab";

const DEFAULT_TAB = "keys";

export function SettingsPage() {
  const { search, project, set } = useUrl();
  const meta = useMeta(project);
  if (meta.error && !meta.data) {
    return <Failure doing="Loading the settings" error={meta.error} onRetry={() => void meta.refetch()} />;
  }
  if (!meta.data) return <Loading />;
  return (
    <div className={cx("mx-auto p-3 md:p-4", search.tab === "prices" ? "max-w-6xl" : "max-w-4xl")}>
      <Tabs
        label="Settings"
        value={search.tab ?? DEFAULT_TAB}
        onChange={(tab) =>
          set({ tab: tab === DEFAULT_TAB ? undefined : tab, q: undefined, provider: undefined }, { replace: true })
        }
        tabs={[
          { value: "keys", label: "API keys", content: <KeysTab meta={meta.data} /> },
          { value: "project", label: "Project", content: <ProjectTab meta={meta.data} /> },
          { value: "prices", label: "Prices", content: <PricesTab /> },
          { value: "display", label: "Display", content: <DisplayTab /> },
        ]}
      />
    </div>
  );
}
