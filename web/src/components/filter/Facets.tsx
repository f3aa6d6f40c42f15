/** Buttons that switch values of a field on and off; they edit the same filter text as the typed bar. */

import { Plus } from "lucide-react";

import { selectedValues, toggleValue } from "../../lib/filter";
import { Button } from "../core/Button";
import { Menu, MenuCheck, MenuLabel } from "../core/Menu";
import type { CompletableField } from "../../lib/filter";

export interface FacetsProps {
  value: string;
  onChange: (value: string) => void;
  fields: readonly CompletableField[];
  /** Fields to offer, in order; those without known values are left out. */
  names: readonly { field: string; label: string }[];
}

export function Facets({ value, onChange, fields, names }: FacetsProps) {
  return (
    <div className="flex min-w-0 gap-1 overflow-x-auto p-px [scrollbar-width:none] sm:flex-wrap">
      {names.map(({ field: name, label }) => {
        const values = fields.find((field) => field.name === name)?.values ?? [];
        if (values.length === 0) return null;
        const selected = selectedValues(value, name);
        return (
          <Menu
            key={name}
            trigger={
              <Button size="sm" variant={selected.length > 0 ? "selected" : "dashed"}>
                {selected.length === 0 ? <Plus aria-hidden className="size-3" /> : null}
                {label}
                {selected.length > 0 ? <span className="max-w-32 truncate font-normal">{selected.map((one) => one || "(none)").join(", ")}</span> : null}
              </Button>
            }
          >
            <MenuLabel>{label}</MenuLabel>
            {values.map((one) => (
              <MenuCheck key={one} checked={selected.includes(one)} onChange={() => onChange(toggleValue(value, name, one))}>
                <span className="max-w-64 truncate">{one}</span>
              </MenuCheck>
            ))}
          </Menu>
        );
      })}
    </div>
  );
}
