import { hashKey } from "@tanstack/react-query";
import { useState } from "react";
import type { View } from "../state/view";

/**
 * The view as it is where it is looked at; elsewhere with the thresholds of before, until anything else has changed.
 * A step of a slider asks nothing for what nobody sees; what is chosen is there all the same, and told of.
 */
export function useThresholdsNear(view: View, near: boolean): View {
  const [held, hold] = useState(view);
  if (held === view || (!near && rest(view) === rest(held))) return held;
  hold(view);
  return view;
}

const rest = (view: View) => hashKey([{ ...view, c: 0, t: 0 }]);
