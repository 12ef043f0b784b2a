import { useAtRest } from "./useAtRest";
import { useDebounced } from "./useDebounced";

/** How long a view stands still before what takes long, and what nothing waits for, is asked for, in milliseconds. */
export const PATIENCE = 350;

/** The value once no hand has moved anything for a while: of several steps in quick succession only the last is asked. */
export function useStill<T>(value: T): T {
  return useDebounced(useAtRest(value), PATIENCE);
}
