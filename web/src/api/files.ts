import { nameOf } from "../lib/files";
import { ApiError, keyHeaders } from "./client";

/** Have the service write a file. Not a link, which could not send the key; nor a question, for it takes its time. */
export async function fetchFile(url: URL, signal: AbortSignal): Promise<{ name: string; content: Blob }> {
  const reply = await fetch(url, { signal, headers: keyHeaders() });
  if (!reply.ok) throw new ApiError(reply.status, await reply.json().catch(() => null));
  return { name: nameOf(reply.headers.get("Content-Disposition") ?? ""), content: await reply.blob() };
}
