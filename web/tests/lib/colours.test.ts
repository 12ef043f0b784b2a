import { expect, test } from "vitest";
import { ALSO, RUNS } from "../../src/lib/chart";
import CSS from "../../src/styles/base.css?raw";

type Vector = [number, number, number];

/** How colours are seen with all cones, and without those for long, middle and short waves (Machado et al., 2009). */
const EYES: Vector[][] = [
  [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
];

const times = (matrix: Vector[], [x, y, z]: Vector) => matrix.map(([a, b, c]) => a * x + b * y + c * z) as Vector;
const linear = (hex: string) =>
  [1, 3, 5].map((at) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as Vector;
const luminance = (hex: string) => times([[0.2126, 0.7152, 0.0722]], linear(hex))[0];

/** Oklab (Ottosson, 2020): what lies 0.1 apart is easily told apart side by side. */
function oklab(color: Vector): Vector {
  const cones = times(
    [
      [0.4122214708, 0.5363325363, 0.0514459929],
      [0.2119034982, 0.6806995451, 0.1073969566],
      [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    color.map((value) => Math.min(1, Math.max(0, value))) as Vector,
  ).map(Math.cbrt) as Vector;
  return times(
    [
      [0.2104542553, 0.793617785, -0.0040720468],
      [1.9779984951, -2.428592205, 0.4505937099],
      [0.0259040371, 0.7827717662, -0.808675766],
    ],
    cones,
  );
}

const themed = (name: string) => {
  const [, light = "", dark = ""] = new RegExp(`--${name}: light-dark\\((#\\w{6}), (#\\w{6})\\)`).exec(CSS) ?? [];
  return [light, dark];
};

test.each(["light", "dark"])("six runs are told apart by whoever sees them, in the %s theme", (theme) => {
  const at = theme === "light" ? 0 : 1;
  const colors = [...RUNS, ...ALSO.map(({ color }) => color)].map((name) => themed(name)[at] ?? "");
  const ground = luminance(themed("surface")[at] ?? "");
  for (const color of colors) {
    const [low = 0, high = 0] = [luminance(color), ground].sort((x, y) => x - y);
    expect((high + 0.05) / (low + 0.05)).toBeGreaterThan(3);
  }
  for (const eye of EYES) {
    const seen = colors.map((color) => oklab(times(eye, linear(color))));
    const apart = seen.flatMap((one, i) =>
      seen.slice(i + 1).map((other) => Math.hypot(...one.map((value, k) => value - (other[k] ?? 0)))),
    );
    expect(Math.min(...apart)).toBeGreaterThan(0.1);
  }
});
