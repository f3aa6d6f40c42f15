import { describe, expect, it } from "vitest";

import {
  applyCompletion,
  completionsAt,
  parseFilter,
  quoteValue,
  removeTerm,
  selectedValues,
  setOnlyValue,
  toggleValue,
} from "./filter";

const FIELDS = [
  { name: "model", type: "text", description: "Model", values: ["gpt-5.4", "gpt-5.4-mini", "claude opus"] },
  { name: "status", type: "text", description: "Status", values: ["ok", "error"] },
  { name: "cost", type: "money", description: "Dollars", values: null },
  { name: "meta.*", type: "text", description: "Metadata", values: null },
];

describe("parseFilter", () => {
  it("reads fields, negation, operators, lists, quotes and bare words with their places", () => {
    const terms = parseFilter('model:gpt-5*,o4 -status:error cost:>=0.01 run_name:"my run" timeout');
    expect(terms.map((term) => [term.field, term.negated, term.operator, term.values])).toEqual([
      ["model", false, "", ["gpt-5*", "o4"]],
      ["status", true, "", ["error"]],
      ["cost", false, ">=", ["0.01"]],
      ["run_name", false, "", ["my run"]],
      [null, false, "", ["timeout"]],
    ]);
    expect(terms.map((term) => [term.start, term.end])).toEqual([
      [0, 15],
      [16, 29],
      [30, 41],
      [42, 59],
      [60, 67],
    ]);
  });

  it("survives text that is not finished", () => {
    expect(parseFilter('model:"gpt').map((term) => term.values)).toEqual([["gpt"]]);
    expect(parseFilter("model:").map((term) => term.values)).toEqual([[]]);
    expect(parseFilter('"').length).toBe(1);
    expect(parseFilter("   ")).toEqual([]);
  });
});

describe("facets", () => {
  it("switches values on and off in one term", () => {
    const once = toggleValue("timeout", "model", "gpt-5.4");
    expect(once).toBe("timeout model:gpt-5.4");
    const twice = toggleValue(once, "model", "claude opus");
    expect(twice).toBe('timeout model:gpt-5.4,"claude opus"');
    expect(selectedValues(twice, "model")).toEqual(["gpt-5.4", "claude opus"]);
    expect(toggleValue(toggleValue(twice, "model", "gpt-5.4"), "model", "claude opus")).toBe("timeout");
  });

  it("leaves a negated or compared term of the same field alone", () => {
    expect(toggleValue("-model:o4", "model", "gpt-5.4")).toBe("-model:o4 model:gpt-5.4");
    expect(selectedValues("cost:>1", "cost")).toEqual([]);
  });

  it("keeps spaces inside quotes when a term is removed", () => {
    const text = 'status:error  run_name:"a  b"';
    const [first] = parseFilter(text);
    expect(first && removeTerm(text, first)).toBe('run_name:"a  b"');
  });

  it("sets a single value", () => {
    expect(setOnlyValue("model:a,b status:ok", "model", "c")).toBe("model:c status:ok");
  });

  it("quotes what would be read otherwise", () => {
    expect(quoteValue("plain-1.0:x")).toBe("plain-1.0:x");
    expect(quoteValue('say "hi"')).toBe('"say \\"hi\\""');
    expect(parseFilter(`run_name:${quoteValue('say "hi", twice')}`)[0]?.values).toEqual(['say "hi", twice']);
    expect(quoteValue("-x")).toBe('"-x"');
  });
});

describe("completion", () => {
  it("offers fields, then values of the field", () => {
    expect(completionsAt("mo", 2, FIELDS).map((one) => one.insert)).toEqual(["model:"]);
    expect(completionsAt("status:error -mo", 16, FIELDS).map((one) => one.insert)).toEqual(["-model:"]);
    expect(completionsAt("model:mini", 10, FIELDS).map((one) => one.label)).toEqual(["gpt-5.4-mini"]);
    expect(completionsAt("model:gpt-5.4,", 14, FIELDS).map((one) => one.label)).toEqual(["gpt-5.4-mini", "claude opus"]);
    expect(completionsAt("meta", 4, FIELDS).map((one) => one.insert)).toEqual(["meta."]);
    expect(completionsAt("cost:", 5, FIELDS)).toEqual([]);
  });

  it("puts the choice at the caret", () => {
    const [choice] = completionsAt("model:cl status:ok", 8, FIELDS);
    expect(choice && applyCompletion("model:cl status:ok", choice)).toEqual({
      text: 'model:"claude opus" status:ok',
      caret: 19,
    });
  });
});
