import { createLoader } from "nuqs";
import type { RowObject } from "../src/api/schema";
import { VIEW, type View } from "../src/state/view";

/** The view that an address means. */
export function viewOf(query: string): View {
  return createLoader(VIEW)(`?${query}`);
}

/** A box that counts, or whatever is said of it. */
export function made(own: Partial<RowObject>): RowObject {
  const label = own.label ?? "dog";
  return {
    id: "1",
    type: "bbox",
    feature: label,
    label,
    geometry: [0, 0, 10, 10],
    detail: "",
    repaired: false,
    crowd: false,
    ...own,
  };
}
