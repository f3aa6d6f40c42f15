/** How this browser shows things: theme and zone. */

import { Card } from "../../components/core/Card";
import { Labelled, Select } from "../../components/core/Field";
import { Segmented } from "../../components/core/Tabs";
import { setThemeChoice, type ThemeChoice, useThemeChoice } from "../../lib/theme";
import { browserZone, formatInstantExact } from "../../lib/time";
import { useNow } from "../../lib/use-now";
import { useUrl } from "../../lib/use-url";

export function DisplayTab() {
  const theme = useThemeChoice();
  const { zone, set } = useUrl();
  const nowMs = useNow();
  const own = browserZone();
  const zones = [...new Set([own, "UTC", zone, ...Intl.supportedValuesOf("timeZone")])];
  return (
    <div className="flex flex-col gap-3 pt-4">
      <Card title="Theme" className="pb-4">
        <div className="px-4">
          <Segmented
            label="Theme"
            value={theme}
            onChange={(value) => setThemeChoice(value as ThemeChoice)}
            options={[
              { value: "system", label: "As the system" },
              { value: "light", label: "Light" },
              { value: "dark", label: "Dark" },
            ]}
          />
        </div>
      </Card>
      <Card title="Times" className="pb-4">
        <div className="max-w-sm px-4">
          <Labelled label="Zone" note={`Now: ${formatInstantExact(new Date(nowMs).toISOString(), zone)}. Part of the address, so a link shows the same.`}>
            {({ id, describedBy }) => (
              <Select
                id={id}
                aria-describedby={describedBy}
                value={zone}
                onChange={(event) => set({ tz: event.target.value === own ? undefined : event.target.value }, { replace: true })}
                options={zones.map((name) => ({ value: name, label: name === own ? `${name} (this browser)` : name }))}
              />
            )}
          </Labelled>
        </div>
      </Card>
    </div>
  );
}
