/** What is typed into the form of a price rule, and the rule that it asks for. */

import type { PriceRow, PriceRuleRequest } from "../../../api/types";

export type RuleKind = PriceRuleRequest["kind"];

export interface RateDraft {
  unit: string;
  usd: string;
  per: string;
}

export interface RuleDraft {
  kind: RuleKind;
  provider: string;
  model: string;
  toProvider: string;
  toModel: string;
  percent: string;
  rates: readonly RateDraft[];
  /** Day in UTC, `YYYY-MM-DD`; empty: from now on. */
  from: string;
  /** First day after it, in UTC; empty: until further notice. */
  to: string;
  note: string;
}

export const EMPTY_RATE: RateDraft = { unit: "", usd: "", per: "1000000" };

export const EMPTY_RULE: RuleDraft = {
  kind: "override",
  provider: "",
  model: "",
  toProvider: "",
  toModel: "",
  percent: "",
  rates: [{ ...EMPTY_RATE, unit: "input_text_tokens" }, { ...EMPTY_RATE, unit: "output_text_tokens" }],
  from: "",
  to: "",
  note: "",
};

/** The rule as the API takes it: what is empty or belongs to another kind is left out. */
export function ruleRequest(draft: RuleDraft): PriceRuleRequest {
  const request: PriceRuleRequest = {
    kind: draft.kind,
    provider: text(draft.provider),
    model: text(draft.model),
    valid_from: midnight(draft.from),
    valid_to: midnight(draft.to),
    note: draft.note.trim(),
    dimensions: {},
  };
  if (draft.kind === "discount") request.percent = draft.percent.trim();
  if (draft.kind === "mapping") {
    request.to_provider = text(draft.toProvider) ?? request.provider;
    request.to_model = text(draft.toModel);
  }
  if (draft.kind === "override") {
    request.rates = draft.rates
      .filter((rate) => rate.usd.trim() !== "")
      .map((rate) => ({ unit: rate.unit.trim(), rate_usd: rate.usd.trim().replace(/^\$/, ""), per: Number(rate.per) }));
  }
  return request;
}

/** Whether all that the kind needs is there; what is wrong with it is the collector's to say. */
export function isFilled(draft: RuleDraft): boolean {
  const names = draft.provider.trim() !== "" && draft.model.trim() !== "";
  if (draft.kind === "discount") return draft.percent.trim() !== "" && (draft.provider.trim() !== "" || draft.model.trim() !== "");
  if (draft.kind === "mapping") return names && draft.toModel.trim() !== "";
  if (draft.kind === "override") return names && draft.rates.some((rate) => rate.unit.trim() !== "" && rate.usd.trim() !== "");
  return names;
}

/** The rate of each unit that holds now and without a condition; where there is none, any. */
export function listPrices(rows: readonly PriceRow[], nowMs: number): ReadonlyMap<string, PriceRow> {
  const listed = new Map<string, PriceRow>();
  for (const row of rows) {
    if (row.unit === null || row.rate_usd === null) continue;
    const isCurrent =
      (row.valid_from === null || Date.parse(row.valid_from) <= nowMs) && (row.valid_to === null || nowMs < Date.parse(row.valid_to));
    const isPlain = Object.keys(row.dimensions).length === 0 && row.above_input_tokens === null && row.hours === null;
    if (!listed.has(row.unit) || (isCurrent && isPlain)) listed.set(row.unit, row);
  }
  return listed;
}

function text(typed: string): string | null {
  return typed.trim() === "" ? null : typed.trim();
}

function midnight(day: string): string | null {
  return day === "" ? null : `${day}T00:00:00Z`;
}
