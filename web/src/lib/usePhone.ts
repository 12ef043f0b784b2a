import { useSyncExternalStore } from "react";

const phone = matchMedia("(max-width: 600px)");

/** Whether the screen is as narrow as a phone's: as the style sheets have it. */
export function usePhone(): boolean {
  return useSyncExternalStore(
    (changed) => {
      phone.addEventListener("change", changed);
      return () => phone.removeEventListener("change", changed);
    },
    () => phone.matches,
  );
}
