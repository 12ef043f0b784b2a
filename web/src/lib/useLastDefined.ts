import { useState } from "react";

/** The value; while there is none, the last one that there was. */
export function useLastDefined<T>(value: T | undefined): T | undefined {
  const [kept, keep] = useState(value);
  if (value !== undefined && value !== kept) keep(value);
  return value ?? kept;
}
