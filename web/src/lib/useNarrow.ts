import { useSyncExternalStore } from "react";

const narrow = matchMedia("(max-width: 900px)");

/** Whether parts stand below each other, and not two in a row: as the style sheets have it. */
export function useNarrow(): boolean {
  return useSyncExternalStore(
    (changed) => {
      narrow.addEventListener("change", changed);
      return () => narrow.removeEventListener("change", changed);
    },
    () => narrow.matches,
  );
}
