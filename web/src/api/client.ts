/** The one way to the collector: addresses below the page's own prefix, JSON, typed failures. */

import type { Problem } from "./types";

/** An answer that was not 2xx, or none at all (`status` 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  /** For a filter text: offset of the character at fault. */
  readonly position: number | null;
  readonly field: string | null;

  constructor(status: number, problem: Pick<Problem, "error" | "message"> & Partial<Problem>) {
    super(problem.message);
    this.name = "ApiError";
    this.status = status;
    this.code = problem.error;
    this.position = problem.position ?? null;
    this.field = problem.field ?? null;
  }
}

/** Whether the server that the page came from answers at all. */
export async function isReachable(): Promise<boolean> {
  try {
    await fetch(document.baseURI, { method: "HEAD", cache: "no-store", credentials: "same-origin" });
    return true;
  } catch {
    return false;
  }
}

export type QueryValue = string | number | boolean | null | undefined;

/** Address of an API path under the prefix that the server put into `<base href>`. */
export function apiUrl(path: string, params: Record<string, QueryValue> = {}): string {
  const url = new URL(`api/v1/${path}`, document.baseURI);
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, String(value));
  }
  return url.href;
}

export async function getJson<T>(
  path: string,
  params: Record<string, QueryValue> = {},
  signal?: AbortSignal,
): Promise<T> {
  return request<T>("GET", apiUrl(path, params), null, signal);
}

export async function sendJson<T>(
  method: "POST" | "PATCH" | "DELETE",
  path: string,
  body?: unknown,
  params: Record<string, QueryValue> = {},
): Promise<T> {
  const sent = body === undefined ? null : { content: JSON.stringify(body), type: "application/json" };
  return request<T>(method, apiUrl(path, params), sent);
}

export async function sendFile<T>(path: string, file: Blob, params: Record<string, QueryValue> = {}): Promise<T> {
  return request<T>("POST", apiUrl(path, params), { content: file, type: "application/octet-stream" });
}

interface SentBody {
  content: string | Blob;
  type: string;
}

async function request<T>(method: string, url: string, body: SentBody | null, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      credentials: "same-origin",
      headers: { Accept: "application/json", ...(body ? { "Content-Type": body.type } : {}) },
      body: body?.content ?? null,
      signal: signal ?? null,
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, {
      error: "unreachable",
      message: "The collector does not answer. Is `llmobserve serve` still running?",
    });
  }
  if (!response.ok) throw new ApiError(response.status, await readProblem(response));
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

async function readProblem(response: Response): Promise<Partial<Problem> & Pick<Problem, "error" | "message">> {
  const fallback = { error: "http_error", message: `The collector answered ${response.status} ${response.statusText}.` };
  const text = await response.text();
  try {
    const body: unknown = JSON.parse(text);
    if (isProblem(body)) return body;
  } catch {
    return fallback;
  }
  return fallback;
}

function isProblem(body: unknown): body is Problem {
  return (
    typeof body === "object" && body !== null && "error" in body && "message" in body && typeof body.message === "string"
  );
}
