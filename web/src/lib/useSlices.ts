import type { View } from "../state/view";
import { useStored } from "./useStored";

/** The part of the view that a slice holds. */
export type Kept = Pick<View, "split" | "f" | "m" | "roll">;

/** A filter with a name. */
export interface Slice extends Kept {
  name: string;
}

export const keptOf = ({ split, f, m, roll }: Kept): Kept => ({ split, f, m, roll });

/** The slices of a dataset, by name: kept in this browser. */
export function useSlices(dataset: string): [Slice[], (slices: Slice[]) => void] {
  const [stored, store] = useStored<Slice[]>(`evalstream-slices-${dataset}`);
  return [Array.isArray(stored) ? stored : NONE, store];
}

const NONE: Slice[] = [];
