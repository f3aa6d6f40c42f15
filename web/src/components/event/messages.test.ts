import { describe, expect, it } from "vitest";

import { inputMessages, outputMessages } from "./messages";

describe("inputMessages", () => {
  it("reads a chat with tool calls and results", () => {
    const messages = inputMessages({
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: [{ type: "text", text: "Weather?" }, { type: "image_url", sha256: "ab", bytes: 1200 }] },
        { role: "assistant", content: null, tool_calls: [{ id: "c1", function: { name: "weather", arguments: '{"city":"Ulm"}' } }] },
        { role: "tool", tool_call_id: "c1", content: "rain" },
      ],
    });
    expect(messages.map((message) => message.role)).toEqual(["system", "user", "assistant", "tool"]);
    expect(messages[1]?.parts).toEqual([
      { kind: "text", text: "Weather?" },
      { kind: "media", label: "image_url, 1,200 bytes" },
    ]);
    expect(messages[2]?.parts).toEqual([{ kind: "tool_call", name: "weather", id: "c1", args: '{\n  "city": "Ulm"\n}' }]);
    expect(messages[3]?.parts).toEqual([{ kind: "tool_result", id: "c1", text: "rain" }]);
  });

  it("reads Anthropic's system text and blocks", () => {
    const messages = inputMessages({
      system: [{ type: "text", text: "You plan trips." }],
      messages: [
        { role: "assistant", content: [{ type: "thinking", thinking: "Hm." }, { type: "tool_use", id: "t", name: "book", input: { n: 1 } }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: [{ type: "text", text: "done" }] }] },
      ],
    });
    expect(messages[0]).toEqual({ role: "system", parts: [{ kind: "text", text: "You plan trips." }] });
    expect(messages[1]?.parts[0]).toEqual({ kind: "reasoning", text: "Hm." });
    expect(messages[1]?.parts[1]).toEqual({ kind: "tool_call", name: "book", id: "t", args: '{\n  "n": 1\n}' });
    expect(messages[2]?.parts).toEqual([{ kind: "tool_result", id: "t", text: "done" }]);
  });

  it("reads the parts of OpenTelemetry's messages", () => {
    const messages = inputMessages({
      system: [{ type: "text", content: "Be brief." }],
      messages: [
        { role: "user", parts: [{ type: "text", content: "Weather?" }, { type: "blob", content: { type: "image/png", bytes: 1200, sha256: "ab" } }] },
        { role: "assistant", parts: [{ type: "reasoning", content: "Hm." }, { type: "tool_call", id: "c1", name: "weather", arguments: { city: "Ulm" } }] },
        { role: "tool", parts: [{ type: "tool_call_response", id: "c1", response: "rain" }] },
      ],
    });
    expect(messages).toEqual([
      { role: "system", parts: [{ kind: "text", text: "Be brief." }] },
      { role: "user", parts: [{ kind: "text", text: "Weather?" }, { kind: "media", label: "image/png, 1,200 bytes" }] },
      {
        role: "assistant",
        parts: [
          { kind: "reasoning", text: "Hm." },
          { kind: "tool_call", name: "weather", id: "c1", args: '{\n  "city": "Ulm"\n}' },
        ],
      },
      { role: "tool", parts: [{ kind: "tool_result", id: "c1", text: "rain" }] },
    ]);
  });

  it("reads the Responses form and plain text", () => {
    expect(inputMessages({ instructions: "Short.", input: "Hello" })).toEqual([
      { role: "system", parts: [{ kind: "text", text: "Short." }] },
      { role: "user", parts: [{ kind: "text", text: "Hello" }] },
    ]);
    expect(inputMessages("Hello")).toEqual([{ role: "user", parts: [{ kind: "text", text: "Hello" }] }]);
  });

  it("keeps what it does not know as text", () => {
    expect(inputMessages([{ role: "user", content: [{ type: "hologram", x: 1 }] }])[0]?.parts[0]?.kind).toBe("text");
  });
});

describe("outputMessages", () => {
  it("reads choices, items, blocks and text", () => {
    expect(outputMessages({ choices: [{ message: { role: "assistant", content: "Hi" } }] })).toEqual([
      { role: "assistant", parts: [{ kind: "text", text: "Hi" }] },
    ]);
    const items = [
      { type: "message", role: "assistant", content: [{ type: "output_text", text: "Hi" }] },
      { type: "function_call", call_id: "c", name: "f", arguments: "{}" },
    ];
    expect(outputMessages({ output: items }).flatMap((message) => message.parts.map((part) => part.kind))).toEqual(["text", "tool_call"]);
    expect(outputMessages([{ type: "text", text: "Hi" }])).toEqual([{ role: "assistant", parts: [{ kind: "text", text: "Hi" }] }]);
    expect(outputMessages("Hi")).toEqual([{ role: "assistant", parts: [{ kind: "text", text: "Hi" }] }]);
  });

  it("is empty when nothing was said", () => {
    expect(outputMessages(null)).toEqual([]);
  });
});
