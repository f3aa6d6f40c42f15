/** Editing of the filter text: its terms and where they stand, facets as edits of it, completion. The server judges it. */

export interface FilterTerm {
  /** Offsets in the text, end exclusive. */
  start: number;
  end: number;
  negated: boolean;
  /** `null` for a bare word. */
  field: string | null;
  /** `>`, `>=`, `<`, `<=`, or empty for equality. */
  operator: string;
  values: string[];
}

const TERM = /(-?)(?:([A-Za-z_][\w.*-]*):)?((?:"(?:[^"\\]|\\.)*"?|[^\s"])*)/y;
const OPERATOR = /^(>=|<=|>|<)/;

export function parseFilter(text: string): FilterTerm[] {
  const terms: FilterTerm[] = [];
  let at = 0;
  while (at < text.length) {
    if (/\s/.test(text.charAt(at))) {
      at += 1;
      continue;
    }
    TERM.lastIndex = at;
    const match = TERM.exec(text);
    const whole = match?.[0] ?? text.charAt(at);
    const body = match?.[3] ?? "";
    const operator = OPERATOR.exec(body)?.[0] ?? "";
    terms.push({
      start: at,
      end: at + whole.length,
      negated: match?.[1] === "-",
      field: match?.[2] ?? null,
      operator,
      values: splitValues(body.slice(operator.length)),
    });
    at += Math.max(1, whole.length);
  }
  return terms;
}

function splitValues(body: string): string[] {
  const values: string[] = [];
  for (const match of body.matchAll(/"((?:[^"\\]|\\.)*)"?|([^,"]+)/g)) {
    values.push(match[1] === undefined ? (match[2] ?? "") : match[1].replace(/\\(.)/g, "$1"));
  }
  return values;
}

/** A value as it must be written: quoted where it has spaces, commas or quotes. */
export function quoteValue(value: string): string {
  return /^[^\s,"<>()]+$/.test(value) && !value.startsWith("-") ? value : `"${value.replace(/["\\]/g, "\\$&")}"`;
}

export function formatTerm(term: Pick<FilterTerm, "negated" | "field" | "operator" | "values">): string {
  const field = term.field === null ? "" : `${term.field}:`;
  return `${term.negated ? "-" : ""}${field}${term.operator}${term.values.map(quoteValue).join(",")}`;
}

function replaceSpan(text: string, start: number, end: number, insert: string): string {
  return [text.slice(0, start).trimEnd(), insert, text.slice(end).trimStart()].filter(Boolean).join(" ");
}

function insideQuotes(text: string, offset: number): boolean {
  return (text.slice(0, offset).match(/(?<!\\)"/g)?.length ?? 0) % 2 === 1;
}

export function removeTerm(text: string, term: FilterTerm): string {
  return replaceSpan(text, term.start, term.end, "");
}

export function addTerm(text: string, term: string): string {
  return text.trim() === "" ? term : `${text.trim()} ${term}`;
}

function facetTerm(text: string, field: string): FilterTerm | undefined {
  return parseFilter(text).find((term) => term.field === field && !term.negated && term.operator === "");
}

/** Values that are switched on for a field. */
export function selectedValues(text: string, field: string): string[] {
  return facetTerm(text, field)?.values ?? [];
}

/** Switches one value of a field on or off; several values of a field are alternatives. */
export function toggleValue(text: string, field: string, value: string): string {
  const term = facetTerm(text, field);
  if (!term) return addTerm(text, formatTerm({ negated: false, field, operator: "", values: [value] }));
  const values = term.values.includes(value) ? term.values.filter((one) => one !== value) : [...term.values, value];
  if (values.length === 0) return removeTerm(text, term);
  return replaceSpan(text, term.start, term.end, formatTerm({ ...term, values }));
}

/** Leaves one value of a field and drops its others. */
export function setOnlyValue(text: string, field: string, value: string): string {
  const term = facetTerm(text, field);
  const wanted = formatTerm({ negated: false, field, operator: "", values: [value] });
  return term ? replaceSpan(text, term.start, term.end, wanted) : addTerm(text, wanted);
}

/** What completion needs to know of a field. */
export interface CompletableField {
  name: string;
  type: string;
  description: string;
  values: readonly string[] | null;
}

export interface Completion {
  /** Text to put between `start` and `end`. */
  insert: string;
  label: string;
  note: string;
  start: number;
  end: number;
  /** False where the reader goes on typing the same term. */
  complete: boolean;
}

const MOST = 12;

/** What could stand at the caret: fields first, then values of the field that is being written. */
export function completionsAt(text: string, caret: number, fields: readonly CompletableField[]): Completion[] {
  const start = wordStart(text, caret);
  const word = text.slice(start, caret);
  const colon = word.indexOf(":");
  if (colon < 0) return fieldCompletions(word, start, caret, fields);
  const name = word.slice(0, colon).replace(/^-/, "");
  const field = fields.find((one) => one.name === name);
  if (!field?.values) return [];
  const valueStart = start + Math.max(colon, word.lastIndexOf(",")) + 1;
  const typed = text.slice(valueStart, caret).replace(/^"/, "").toLowerCase();
  const taken = new Set(splitValues(text.slice(start + colon + 1, valueStart)));
  return field.values
    .filter((value) => value.toLowerCase().includes(typed) && !taken.has(value) && value.toLowerCase() !== typed)
    .slice(0, MOST)
    .map((value) => ({ insert: quoteValue(value), label: value, note: name, start: valueStart, end: caret, complete: true }));
}

function fieldCompletions(word: string, start: number, caret: number, fields: readonly CompletableField[]): Completion[] {
  const negation = word.startsWith("-") ? "-" : "";
  const typed = word.slice(negation.length).toLowerCase();
  const begin = fields.filter((field) => field.name.toLowerCase().startsWith(typed));
  const contain = fields.filter((field) => typed !== "" && field.name.toLowerCase().indexOf(typed) > 0);
  return [...begin, ...contain].slice(0, MOST).map((field) => ({
    insert: field.name.endsWith("*") ? `${negation}${field.name.slice(0, -1)}` : `${negation}${field.name}:`,
    label: field.name,
    note: field.description,
    start,
    end: caret,
    complete: false,
  }));
}

function wordStart(text: string, caret: number): number {
  let at = caret;
  while (at > 0 && (!/\s/.test(text.charAt(at - 1)) || insideQuotes(text, at - 1))) at -= 1;
  return at;
}

export function applyCompletion(text: string, completion: Completion): { text: string; caret: number } {
  const tail = text.slice(completion.end);
  const gap = completion.complete && !/^\s/.test(tail) ? " " : "";
  return {
    text: text.slice(0, completion.start) + completion.insert + gap + tail,
    caret: completion.start + completion.insert.length + gap.length,
  };
}
