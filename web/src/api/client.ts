import createClient from "openapi-fetch";
import { queued } from "../lib/queue";
import type { paths } from "./schema";

/** The service that served this page. */
export const api = createClient<paths>({
  baseUrl: new URL(".", document.baseURI).href.replace(/\/$/, ""),
  fetch: queued,
});

/** Where the API key is kept: until the tab is closed, and in no other tab. */
const KEY = "evalstream-api-key";

export function hasKey(): boolean {
  return sessionStorage.getItem(KEY) !== null;
}

/** Send this key from now on, or none. */
export function rememberKey(key: string | null) {
  if (key === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, key);
}

/** The header of a request to this service that says the key, if there is one. */
export function keyHeaders(): Record<string, string> {
  const key = sessionStorage.getItem(KEY);
  return key === null ? {} : { Authorization: `Bearer ${key}` };
}

api.use({
  onRequest({ request }) {
    for (const [name, value] of Object.entries(keyHeaders())) request.headers.set(name, value);
    return request;
  },
});

/** What went wrong, in the service's own words. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    body: unknown,
  ) {
    super(wordsOf(body) ?? `the service answered with status ${status}`);
  }
}

/** Whether the service was too busy, or was asked too often, to take a question on. */
export function isBusy(error: Error): boolean {
  return error instanceof ApiError && error.status === 429;
}

/** Whether the same question may be answered a little later. */
export function mayPass(error: Error): boolean {
  return !(error instanceof ApiError) || error.status >= 500 || isBusy(error);
}

function wordsOf(body: unknown): string | undefined {
  if (typeof body !== "object" || body === null || !("detail" in body)) return undefined;
  const { detail } = body as { detail: string | { msg: string }[] };
  return typeof detail === "string" ? detail : detail.map((one) => one.msg).join("; ");
}

/** Give the answer, or throw what went wrong. */
export function answered<T>(reply: { data?: T; error?: unknown; response: Response }): T {
  if (reply.data === undefined) throw new ApiError(reply.response.status, reply.error);
  return reply.data;
}

/** A picture of this service's own, which an `<img>` could not ask for with the key. The key goes to no other place. */
export async function fetchMedia(url: string, signal: AbortSignal): Promise<Blob> {
  const reply = await fetch(url, { signal, headers: keyHeaders() });
  if (!reply.ok) throw new ApiError(reply.status, null);
  return reply.blob();
}
