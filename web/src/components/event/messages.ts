/** Captured content of any provider as chat messages: roles, text, tool calls, tool results, media by reference. */

/** One part of a message. Text is shown as text, never interpreted. */
export type MessagePart =
  | { kind: "text"; text: string }
  | { kind: "reasoning"; text: string }
  | { kind: "tool_call"; name: string; id: string | null; args: string }
  | { kind: "tool_result"; id: string | null; text: string }
  | { kind: "media"; label: string };

export interface ChatMessage {
  role: string;
  parts: MessagePart[];
}

type Json = Record<string, unknown>;

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return "";
  return JSON.stringify(value, null, 2);
}

function optional(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/** Arguments of a tool call, indented where they are JSON. */
function formatArgs(value: unknown): string {
  if (typeof value !== "string") return text(value);
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return value;
  }
}

function mediaLabel(part: Json): string {
  if (isObject(part["content"])) return mediaLabel(part["content"]);
  const type = optional(part["media_type"]) ?? optional(part["mime_type"]) ?? optional(part["type"]) ?? "media";
  const bytes = part["bytes"];
  return typeof bytes === "number" ? `${type}, ${bytes.toLocaleString("en-US")} bytes` : type;
}

function partOf(value: unknown): MessagePart[] {
  if (typeof value === "string") return value === "" ? [] : [{ kind: "text", text: value }];
  if (!isObject(value)) return value === null || value === undefined ? [] : [{ kind: "text", text: text(value) }];
  switch (value["type"]) {
    case "text":
    case "input_text":
    case "output_text":
    case "summary_text":
      return [{ kind: "text", text: text(value["text"] ?? value["content"]) }];
    case "refusal":
      return [{ kind: "text", text: text(value["refusal"]) }];
    case "thinking":
      return [{ kind: "reasoning", text: text(value["thinking"]) }];
    case "reasoning":
      return [{ kind: "reasoning", text: contentParts(value["summary"] ?? value["content"]).map(partText).join("\n") }];
    case "tool_use":
    case "server_tool_use":
      return [{ kind: "tool_call", name: text(value["name"]), id: optional(value["id"]), args: formatArgs(value["input"]) }];
    case "tool_result":
      return [
        { kind: "tool_result", id: optional(value["tool_use_id"]), text: contentParts(value["content"]).map(partText).join("\n") },
      ];
    case "function_call":
    case "custom_tool_call":
      return [
        {
          kind: "tool_call",
          name: text(value["name"]),
          id: optional(value["call_id"]) ?? optional(value["id"]),
          args: formatArgs(value["arguments"] ?? value["input"]),
        },
      ];
    case "tool_call":
      return [{ kind: "tool_call", name: text(value["name"]), id: optional(value["id"]), args: formatArgs(value["arguments"]) }];
    case "tool_call_response":
      return [{ kind: "tool_result", id: optional(value["id"]), text: text(value["response"] ?? value["result"]) }];
    case "function_call_output":
      return [{ kind: "tool_result", id: optional(value["call_id"]), text: text(value["output"]) }];
    case "image":
    case "image_url":
    case "input_image":
    case "input_audio":
    case "document":
    case "file":
    case "input_file":
    case "blob":
    case "uri":
      return [{ kind: "media", label: mediaLabel(value) }];
    default:
      return typeof value["text"] === "string"
        ? [{ kind: "text", text: value["text"] }]
        : "sha256" in value
          ? [{ kind: "media", label: mediaLabel(value) }]
          : [{ kind: "text", text: text(value) }];
  }
}

function partText(part: MessagePart): string {
  switch (part.kind) {
    case "tool_call":
      return `${part.name}(${part.args})`;
    case "media":
      return `[${part.label}]`;
    default:
      return part.text;
  }
}

function contentParts(content: unknown): MessagePart[] {
  return Array.isArray(content) ? content.flatMap(partOf) : partOf(content);
}

function toolCalls(value: unknown): MessagePart[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isObject).map((call) => {
    const fn = isObject(call["function"]) ? call["function"] : call;
    return { kind: "tool_call", name: text(fn["name"]), id: optional(call["id"]), args: formatArgs(fn["arguments"]) };
  });
}

function messageOf(value: unknown, fallbackRole: string): ChatMessage[] {
  if (typeof value === "string") return [{ role: fallbackRole, parts: partOf(value) }];
  if (!isObject(value)) return [];
  const role = optional(value["role"]);
  if (role === null) {
    const kind = value["type"];
    const itemRole = kind === "function_call_output" ? "tool" : fallbackRole;
    return [{ role: itemRole, parts: kind === "message" ? contentParts(value["content"]) : partOf(value) }];
  }
  const reasoning = typeof value["reasoning_content"] === "string" ? value["reasoning_content"] : "";
  const parts: MessagePart[] = reasoning === "" ? [] : [{ kind: "reasoning", text: reasoning }];
  if (role === "tool" && !("parts" in value)) {
    const id = optional(value["tool_call_id"]);
    parts.push({ kind: "tool_result", id, text: contentParts(value["content"]).map(partText).join("\n") });
  } else {
    // OpenTelemetry and Gemini say `parts`.
    parts.push(...contentParts(value["content"] ?? value["parts"]), ...toolCalls(value["tool_calls"]));
    if (typeof value["refusal"] === "string") parts.push({ kind: "text", text: value["refusal"] });
  }
  return [{ role, parts }];
}

function messagesOf(value: unknown, role: string): ChatMessage[] {
  if (Array.isArray(value)) return value.flatMap((item) => messageOf(item, role));
  return messageOf(value, role);
}

/** Messages of a request: system text first, then the conversation. Empty when nothing like a chat was captured. */
export function inputMessages(input: unknown): ChatMessage[] {
  if (!isObject(input) || "role" in input) return messagesOf(input, "user");
  const system = input["system"] ?? input["instructions"];
  const head: ChatMessage[] = system === undefined || system === null ? [] : [{ role: "system", parts: contentParts(system) }];
  const body = input["messages"] ?? input["input"] ?? input["prompt"] ?? input["text"];
  return [...head, ...messagesOf(body, "user")];
}

/** Messages of an answer: OpenAI choices, Responses items, Anthropic blocks, or plain text. */
export function outputMessages(output: unknown): ChatMessage[] {
  if (isObject(output) && !("role" in output)) {
    const choices = output["choices"];
    if (Array.isArray(choices)) {
      return choices.filter(isObject).flatMap((choice) => messageOf(choice["message"] ?? choice["text"], "assistant"));
    }
    const items = output["output"] ?? output["content"] ?? output["text"];
    if (items !== undefined) return outputMessages(items);
  }
  if (Array.isArray(output) && output.every((item) => !isObject(item) || !("role" in item))) {
    const parts = contentParts(output);
    return parts.length === 0 ? [] : [{ role: "assistant", parts }];
  }
  return messagesOf(output, "assistant");
}
