/** Attributes of a span in two groups: figures that collectors have measured, and what the application said. */

export interface Metric {
  /** Type of the collector: `text`; empty for what concerns all. */
  type: string;
  name: string;
  text: string;
}

export interface Attribute {
  name: string;
  text: string;
}

const PREFIX = "metrics.";
/** Every digit that a number has; one that is small does not become 0. */
const number = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 15 });

/** `metrics.text.characters` is a metric of the type `text`; what does not begin so is an attribute. */
export function splitAttributes(attributes: Readonly<Record<string, unknown>>): { metrics: Metric[]; others: Attribute[] } {
  const metrics: Metric[] = [];
  const others: Attribute[] = [];
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined) continue;
    if (key.startsWith(PREFIX)) metrics.push({ ...nameOf(key.slice(PREFIX.length)), text: valueText(value) });
    else others.push({ name: key, text: valueText(value) });
  }
  return { metrics, others };
}

function nameOf(key: string): { type: string; name: string } {
  const dot = key.indexOf(".");
  const [type, name] = dot < 0 ? ["", key] : [key.slice(0, dot), key.slice(dot + 1)];
  return { type, name: name.replaceAll("_", " ") };
}

function valueText(value: unknown): string {
  if (typeof value === "number") return number.format(value);
  return typeof value === "string" ? value : JSON.stringify(value);
}
