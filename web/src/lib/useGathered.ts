import { useState } from "react";
import { gathered } from "./parts";

/** The names that have been in sight as long as the questions about them are `of` the same, in parts. */
export function useGathered(names: string[], of: string): string[][] {
  const [kept, keep] = useState<{ of: string; parts: string[][] }>({ of, parts: [] });
  const before = kept.of === of ? kept.parts : [];
  const parts = gathered(before, names);
  if (kept.of !== of || parts !== kept.parts) keep({ of, parts });
  return parts;
}
