import { multiples, roundStep, spelled } from "../../lib/graticule";
import type { Box } from "../../lib/shape";
import styles from "./Overlay.module.css";

interface Props {
  /** West, south, width and height in degrees. */
  box: Box;
  unit: number;
  labelled: boolean;
}

/** Lines of equal longitude and latitude, where there is no picture to tell where things are; north is up. */
export function Graticule({ box: [west, south, width, height], unit, labelled }: Props) {
  const step = roundStep(width / 4);
  return (
    <g className={styles.graticule}>
      {multiples(west, width, step).map((degrees) => (
        <g key={`lon ${degrees}`}>
          <line x1={degrees} x2={degrees} y1={-south} y2={-south - height} />
          {labelled && (
            <text x={degrees + 3 * unit} y={-south - 5 * unit} fontSize={12 * unit} strokeWidth={3 * unit}>
              {spelled(degrees, step, ["E", "W"])}
            </text>
          )}
        </g>
      ))}
      {multiples(south, height, step).map((degrees) => (
        <g key={`lat ${degrees}`}>
          <line y1={-degrees} y2={-degrees} x1={west} x2={west + width} />
          {labelled && (
            <text x={west + 4 * unit} y={-degrees - 3 * unit} fontSize={12 * unit} strokeWidth={3 * unit}>
              {spelled(degrees, step, ["N", "S"])}
            </text>
          )}
        </g>
      ))}
    </g>
  );
}
