// Calls of the AI SDK. First argument: `genai` or `legacy`, how its telemetry is written.
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { LegacyOpenTelemetry, OpenTelemetry } from '@ai-sdk/otel';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { embed, embedMany, generateObject, generateText, isStepCount, registerTelemetry, streamText, tool } from 'ai';
import { z } from 'zod';

const legacy = process.argv[2] === 'legacy';
const exporter = legacy ? new JsonExporter() : new ProtobufExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
provider.register();
registerTelemetry(legacy ? new LegacyOpenTelemetry() : new OpenTelemetry({ runtimeContext: true }));

const openai = createOpenAI();
const anthropic = createAnthropic({ baseURL: `${process.env.ANTHROPIC_BASE_URL}/v1` });
const search = tool({
  description: 'Finds papers.',
  inputSchema: z.object({ query: z.string() }),
  execute: async () => 'three papers',
});
const options = {
  maxRetries: 0,
  prompt: 'Hello',
  telemetry: { functionId: 'writer', includeRuntimeContext: { sessionId: true } },
  runtimeContext: { sessionId: 's1' },
};

async function read(stream) {
  for await (const _ of stream.textStream);
}

async function calls() {
  await generateText({ model: openai.chat('gpt-4o-mini'), ...options });
  await read(streamText({ model: openai.chat('gpt-4o'), ...options }));
  await generateText({ model: openai.chat('gpt-4.1'), tools: { search }, stopWhen: isStepCount(3), ...options });
  await generateText({ model: openai('gpt-4.1-mini'), ...options });
  await generateObject({ model: openai.chat('gpt-4.1-nano'), schema: z.object({ title: z.string() }), ...options });
  await embed({ model: openai.embedding('text-embedding-3-small'), value: 'a', maxRetries: 0 });
  await embedMany({ model: openai.embedding('text-embedding-3-small'), values: ['a', 'b'], maxRetries: 0 });
  await generateText({ model: anthropic('claude-haiku-4-5'), tools: { search }, stopWhen: isStepCount(3), ...options });
  await read(streamText({ model: anthropic('claude-sonnet-4-5'), ...options }));
  await generateText({ model: openai.chat('error-400'), ...options }).catch(() => undefined);
  await embed({ model: openai.embedding('error-429'), value: 'a', maxRetries: 0 }).catch(() => undefined);
}

await calls();
await provider.shutdown();
