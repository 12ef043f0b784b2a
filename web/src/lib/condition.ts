import { CONDITION } from "../state/parsers";

/** Why a text is no condition yet; null: it is one. */
export function problemOf(text: string, keys: string[]): string | null {
  const parts = CONDITION.exec(text);
  if (!parts) return "Write a key, one of = != >= <= > <, and a value.";
  const [, key = "", operator = "", value = ""] = parts;
  if (!keys.includes(key)) return `No row has ${key}. There are ${keys.join(", ")}.`;
  if (value === "") return "And which value?";
  if (/[<>]/.test(operator) && !Number.isFinite(Number(value))) return `${operator} compares numbers; write = or !=.`;
  return null;
}
