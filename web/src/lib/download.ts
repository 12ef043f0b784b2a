/** Give the browser a file to keep. */
export function download(name: string, type: string, parts: BlobPart[]) {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

/** A name as that of a file. */
export const fileName = (name: string) => name.replaceAll(/[^\w.-]+/g, "_");

/** One line of CSV (RFC 4180); null is an empty field, never 0. */
export function csvLine(fields: (string | number | null | undefined)[]): string {
  return `${fields.map(field).join(",")}\r\n`;
}

function field(value: string | number | null | undefined): string {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
