/** The two lines that connect an application, with this collector's address and, where there is one, a key. */

import { CodeBlock } from "../core/Copy";

export interface SetupCodeProps {
  collectorUrl: string;
  /** `null` where events are accepted without one. */
  apiKey: string | null;
}

/** As Python text: JSON's quoting is a subset of it. */
export function setupLines(collectorUrl: string, apiKey: string | null): string {
  const key = apiKey === null ? "" : `, api_key=${JSON.stringify(apiKey)}`;
  return `import llmobserve\nllmobserve.observe(collector_url=${JSON.stringify(collectorUrl)}${key})`;
}

export function SetupCode({ collectorUrl, apiKey }: SetupCodeProps) {
  return <CodeBlock code={setupLines(collectorUrl, apiKey)} label="Copy the two lines" />;
}
