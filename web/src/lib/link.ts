import type { Subject } from "../api/ask";

/** An address that says which dataset and run it shows, whether or not the one that is open says so already. */
export function linkOf(address: string, subject: Subject | null): string {
  if (!subject) return address;
  const url = new URL(address);
  const said = new URLSearchParams([
    ["d", subject.dataset],
    ["a", subject.run],
  ]);
  for (const name of said.keys()) url.searchParams.delete(name);
  const others = url.search.slice(1);
  url.search = [said.toString(), ...(others ? [others] : [])].join("&");
  return url.href;
}
