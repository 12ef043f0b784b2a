import { createParser } from "nuqs";

/** A number of the URL; null: it is none. */
function numberOf(text: string): number | null {
  return text.trim() === "" || !Number.isFinite(Number(text)) ? null : Number(text);
}

/** A number from one to another; beyond them, the nearer one. */
export function parseAsNumber(low: number, high: number) {
  return createParser({
    parse: (text) => {
      const number = numberOf(text);
      return number === null ? null : Math.min(high, Math.max(low, number));
    },
    serialize: String,
  });
}

/** A whole number from one to another. */
export function parseAsWhole(low: number, high = Number.MAX_SAFE_INTEGER) {
  const { parse } = parseAsNumber(low, high);
  return createParser({
    parse: (text) => {
      const number = parse(text);
      return number === null ? null : Math.trunc(number);
    },
    serialize: String,
  });
}

/** Text that fits; what does not fit is left out. */
export function parseAsText(fits: (text: string) => boolean) {
  return createParser({ parse: (text) => (fits(text) ? text : null), serialize: (text) => text });
}

/** `name operator value`, as the service reads it: `noise>=0.3`. */
export const CONDITION = /^([^=!<>]+?)\s*(=|!=|>=|<=|>|<)\s*(.*)$/s;

/** A condition that the service takes, on a name that fits; what `<` or `>` compares is a number, or else all is. */
export function parseAsCondition(fits: (name: string) => boolean, values: "numbers" | "words") {
  return parseAsText((text) => {
    const [, name = "", operator = "", value = ""] = CONDITION.exec(text) ?? [];
    return fits(name) && (numberOf(value) !== null || (values === "words" && /^!?=$/.test(operator)));
  });
}
