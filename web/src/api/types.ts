/** Names for the generated types of the API; nothing is declared twice. */

import type { components } from "./schema.gen";

type Schemas = components["schemas"];

export type ApiKey = Schemas["ApiKey"];
export type ApiKeyCreated = Schemas["ApiKeyCreated"];
export type ApiKeyRequest = Schemas["ApiKeyRequest"];
export type ContentBody = Schemas["ContentBody"];
export type CostLine = Schemas["CostLine"];
export type CostVersion = Schemas["CostVersion"];
export type EventDetail = Schemas["EventDetail"];
export type EventList = Schemas["EventList"];
export type EventRow = Schemas["EventRow"];
export type FieldInfo = Schemas["FieldInfo"];
export type Meta = Schemas["Meta"];
export type PriceBookDiff = Schemas["PriceBookDiff"];
export type PriceChange = Schemas["PriceChange"];
export type PriceHistory = Schemas["PriceHistory"];
export type PriceList = Schemas["PriceList"];
export type PriceProvider = Schemas["PriceProvider"];
export type PriceRow = Schemas["PriceRow"];
export type PriceRule = Schemas["PriceRule"];
export type PriceRuleChanges = Schemas["PriceRuleChanges"];
export type PriceRuleList = Schemas["PriceRuleList"];
export type PriceRuleRequest = Schemas["PriceRuleRequest"];
export type Problem = Schemas["Problem"];
export type Project = Schemas["Project"];
export type ProjectRename = Schemas["ProjectRename"];
export type ProjectRequest = Schemas["ProjectRequest"];
export type RepriceJob = Schemas["RepriceJob"];
export type RepriceRequest = Schemas["RepriceRequest"];
export type RepriceRow = Schemas["RepriceRow"];
export type RunDetail = Schemas["RunDetail"];
export type RunList = Schemas["RunList"];
export type RunNode = Schemas["RunNode"];
export type RunSummary = Schemas["RunSummary"];
export type SignInRequest = Schemas["SignInRequest"];
export type Spend = Schemas["Spend"];
export type TotalsAnswer = Schemas["TotalsAnswer"];
export type TotalsRow = Schemas["TotalsRow"];
export type UnpricedList = Schemas["UnpricedList"];
export type UnpricedModel = Schemas["UnpricedModel"];
