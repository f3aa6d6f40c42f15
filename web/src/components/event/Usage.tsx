/** What a call consumed, and where that was read or how it was estimated. */

import type { EventDetail } from "../../api/types";
import { quantityText } from "./Receipt";

/** Facts from which tokens are estimated, no parts of the usage. But for the sizes, the reason of the cost has them. */
const BASIS = /^(?:input|output)_(?:text_bytes|bytes_per_token|estimate_calls|error_percent)$/;
/** Ways to estimate, which the reason of the cost names in words. */
const WAY = /^(?:input|output)_(?:learned|counted|counted_alike)$/;

/** `input_text_tokens` → `input text tokens`. */
export function unitText(unit: string): string {
  return unit.replaceAll("_", " ");
}

export function Usage({ event }: { event: EventDetail }) {
  const units = Object.entries(event.units);
  const details = Object.entries(event.details);
  const parts = details.filter(([name]) => !BASIS.test(name));
  const sizes = event.usage_source === "estimated" ? details.filter(([name]) => name.endsWith("_text_bytes")) : [];
  return (
    <section>
      <h3 className="mb-1 text-xs font-semibold">Usage</h3>
      {units.length === 0 ? (
        <p className="text-ink-2">No usage is known.</p>
      ) : (
        <table className="w-full text-xs">
          <tbody>
            {units.map(([unit, quantity]) => (
              <Row key={unit} label={unitText(unit)} quantity={quantity} />
            ))}
            {parts.map(([unit, quantity]) => (
              <Row key={unit} label={`of which ${unitText(unit)}`} quantity={quantity} minor />
            ))}
          </tbody>
        </table>
      )}
      <p className="mt-1 text-xs text-ink-3">{origin(event)}</p>
      {sizes.length > 0 ? (
        <table className="mt-2 w-full text-xs" aria-label="Basis of the estimate">
          <tbody>
            {sizes.map(([name, quantity]) => (
              <Row key={name} label={unitText(name)} quantity={quantity} minor />
            ))}
          </tbody>
        </table>
      ) : null}
    </section>
  );
}

function Row({ label, quantity, minor = false }: { label: string; quantity: string; minor?: boolean }) {
  return (
    <tr className={minor ? "border-b border-line text-ink-2" : "border-b border-line"}>
      <td className={minor ? "py-1 pl-4" : "py-1"}>{label}</td>
      <td className="py-1 text-right">{quantityText(quantity)}</td>
    </tr>
  );
}

function origin({ usage_source: source, usage_flags: flags }: EventDetail): string {
  const marks = flags.filter((flag) => !WAY.test(flag)).map(unitText);
  return [
    source === "estimated" ? "Estimated, not stated by the provider." : source && source !== "unknown" ? `Read from: ${source}.` : "",
    marks.length > 0 ? `Marked: ${marks.join(", ")}.` : "",
  ]
    .filter(Boolean)
    .join(" ");
}
