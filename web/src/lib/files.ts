import type { Subject } from "../api/ask";

/** What can be said with an export: `null` is not said. */
type Said = Record<string, string | number | boolean | null | readonly string[]>;

/** What the service writes of a run, in which formats. */
export const FILES = {
  export: { title: "Labels", formats: { ndjson: "NDJSON", csv: "CSV", parquet: "Parquet", coco: "COCO" } },
  mislabels: {
    title: "Candidate mislabels",
    formats: { labelbox: "Labelbox", "label-studio": "Label Studio", cvat: "CVAT" },
  },
  report: { title: "Report", formats: { html: "HTML", markdown: "Markdown", json: "JSON" } },
} as const;
export type FileOf = keyof typeof FILES;

/** The address of a file that the service writes. */
export function fileUrl(what: FileOf, subject: Subject, said: Said): URL {
  const path = `v1/datasets/${encodeURIComponent(subject.dataset)}/runs/${encodeURIComponent(subject.run)}/${what}`;
  const url = new URL(path, document.baseURI);
  for (const [name, value] of Object.entries(said))
    for (const one of Array.isArray(value) ? (value as readonly string[]) : [value as string | number | boolean | null])
      if (one !== null) url.searchParams.append(name, String(one));
  return url;
}

/** The name of a file, as the service gives it. */
export function nameOf(disposition: string): string {
  const [, encoded] = /filename\*=utf-8''(\S+)/.exec(disposition) ?? [];
  if (encoded !== undefined) return decodeURIComponent(encoded);
  return /filename="([^"]+)"/.exec(disposition)?.[1] ?? "export";
}
