/** Icon, label and colour of each kind of node, the same in tree and waterfall. */

import {
  AudioLines,
  Binary,
  Bot,
  Boxes,
  CircleDot,
  Database,
  Image,
  Link2,
  type LucideIcon,
  MessageSquare,
  Play,
  Plug,
  Scale,
  Search,
  ShieldCheck,
  Sparkles,
  Video,
  Wrench,
} from "lucide-react";

export interface KindStyle {
  icon: LucideIcon;
  label: string;
  /** Name of the CSS variable that holds the colour. */
  color: string;
}

const KINDS: Record<string, KindStyle> = {
  run: { icon: Play, label: "Run", color: "--series-12" },
  agent: { icon: Bot, label: "Agent", color: "--series-5" },
  tool: { icon: Wrench, label: "Tool", color: "--series-3" },
  step: { icon: CircleDot, label: "Step", color: "--series-12" },
  workflow: { icon: Boxes, label: "Workflow", color: "--series-12" },
  chain: { icon: Link2, label: "Chain", color: "--series-12" },
  retriever: { icon: Search, label: "Retriever", color: "--series-2" },
  mcp: { icon: Plug, label: "MCP", color: "--series-3" },
  guardrail: { icon: ShieldCheck, label: "Guardrail", color: "--series-6" },
  evaluator: { icon: Scale, label: "Evaluator", color: "--series-6" },
  llm: { icon: Sparkles, label: "LLM call", color: "--series-1" },
  embedding: { icon: Binary, label: "Embedding", color: "--series-2" },
  rerank: { icon: Search, label: "Rerank", color: "--series-2" },
  image: { icon: Image, label: "Image", color: "--series-4" },
  audio: { icon: AudioLines, label: "Audio", color: "--series-7" },
  video: { icon: Video, label: "Video", color: "--series-4" },
  moderation: { icon: ShieldCheck, label: "Moderation", color: "--series-6" },
  vector_db: { icon: Database, label: "Vector store", color: "--series-9" },
  search: { icon: Search, label: "Search", color: "--series-9" },
  message: { icon: MessageSquare, label: "Message", color: "--series-10" },
};

const OTHER: KindStyle = { icon: CircleDot, label: "Other", color: "--series-rest" };

/** Style of a kind; an unknown one looks like "other" and keeps its name. */
export function kindStyle(kind: string): KindStyle {
  return KINDS[kind] ?? { ...OTHER, label: kind };
}

/** The icon of a kind in its colour. */
export function KindIcon({ kind, className = "size-3.5" }: { kind: string; className?: string }) {
  const style = kindStyle(kind);
  const Icon = style.icon;
  return <Icon aria-hidden className={`${className} shrink-0`} style={{ color: `var(${style.color})` }} />;
}
