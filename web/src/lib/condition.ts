import type { Metadata } from "../api/schema";
import { CONDITION } from "../state/parsers";
import { isolated } from "./bidi";
import { short } from "./format";

/** Why a text is no condition yet; null: it is one. */
export function problemOf(text: string, keys: string[]): string | null {
  const parts = CONDITION.exec(text);
  if (!parts) return "Write a key, one of = != >= <= > <, and a value.";
  const [, key = "", operator = "", value = ""] = parts;
  if (!keys.includes(key)) return unknownKey(key, keys);
  if (value === "") return "And which value?";
  if (/[<>]/.test(operator) && !Number.isFinite(Number(value))) return `${operator} compares numbers; write = or !=.`;
  return null;
}

function unknownKey(key: string, keys: string[]): string {
  const there = keys.length > 0 ? `There are ${keys.map(isolated).join(", ")}.` : "The rows have no metadata.";
  return `No row has ${isolated(key)}. ${there}`;
}

/** How many values are named, of metadata that are words. */
const NAMED = 5;

/** What there is under a key, for whoever asked for something that is not there. */
export function valuesOf({ key, known, minimum, maximum, values, total }: Metadata, keys: string[]): string {
  if (known === 0) return unknownKey(key, keys);
  if (minimum !== null && maximum !== null) return `${isolated(key)} goes from ${short(minimum)} to ${short(maximum)}.`;
  const words = values.slice(0, NAMED).map((one) => isolated(one.value));
  return `${isolated(key)} is ${words.join(", ")}${total > NAMED ? " …" : ""}.`;
}
