import { BarChart, LineChart, ScatterChart } from "echarts/charts";
import {
  AriaComponent,
  BrushComponent,
  GridComponent,
  LegendComponent,
  ToolboxComponent,
  TooltipComponent,
} from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { useEffect, useRef, useState } from "react";
import type { Color } from "../../lib/chart";

echarts.use([
  AriaComponent,
  BarChart,
  BrushComponent,
  CanvasRenderer,
  GridComponent,
  LegendComponent,
  LineChart,
  ScatterChart,
  ToolboxComponent,
  TooltipComponent,
]);

type Option = echarts.EChartsCoreOption;

interface Props {
  option: (color: Color) => Option;
  /** In pixels; if not said, it fills the place that it stands in. */
  height?: number;
  label: string;
  onClick?: (at: { dataIndex: number; seriesIndex: number }) => void;
  /** Offers to drag over the horizontal axis, and tells from where to where; the option needs a `brush`. */
  onBrush?: ((range: [number, number]) => void) | undefined;
}

/** A chart in the page's own colours, which follows its width and the theme. */
export function Chart({ option, height, label, onClick, onBrush }: Props) {
  const element = useRef<HTMLDivElement>(null);
  const chart = useRef<echarts.ECharts | null>(null);
  const theme = useTheme();

  useEffect(() => {
    if (!element.current) return;
    const own = echarts.init(element.current);
    chart.current = own;
    const observer = new ResizeObserver(() => own.resize());
    observer.observe(element.current);
    return () => {
      observer.disconnect();
      own.dispose();
    };
  }, []);

  useEffect(() => {
    const style = getComputedStyle(document.documentElement);
    // A canvas knows no light-dark(): let the browser resolve each colour once.
    const probe = document.createElement("span");
    document.body.append(probe);
    const color: Color = (name) => {
      probe.style.color = `var(--${name})`;
      return getComputedStyle(probe).color;
    };
    chart.current?.setOption(
      {
        animation: false,
        textStyle: { fontFamily: style.fontFamily, color: color("ink") },
        aria: { enabled: true, label: { description: label } },
        ...option(color),
      },
      { notMerge: true },
    );
    probe.remove();
  }, [option, label, theme]);

  useEffect(() => {
    const own = chart.current;
    if (!own || !onClick) return;
    const handler = (event: echarts.ECElementEvent) =>
      onClick({ dataIndex: event.dataIndex, seriesIndex: event.seriesIndex ?? 0 });
    own.on("click", handler);
    return () => {
      own.off("click", handler);
    };
  }, [onClick]);

  useEffect(() => {
    const own = chart.current;
    if (!own || !onBrush) return;
    own.dispatchAction({
      type: "takeGlobalCursor",
      key: "brush",
      brushOption: { brushType: "lineX", brushMode: "single" },
    });
    const handler = (event: unknown) => {
      const [area] = (event as { areas: { coordRange?: [number, number] }[] }).areas;
      if (area?.coordRange) onBrush(area.coordRange);
      own.dispatchAction({ type: "brush", areas: [] });
    };
    own.on("brushEnd", handler);
    return () => {
      if (!own.isDisposed()) own.off("brushEnd", handler);
    };
  }, [onBrush, option, theme]);

  const size = height === undefined ? ({ position: "absolute", inset: 0 } as const) : { height, width: "100%" };
  return <div ref={element} style={size} role="img" aria-label={label} />;
}

function useTheme(): string {
  const [theme, setTheme] = useState("");
  useEffect(() => {
    const media = matchMedia("(prefers-color-scheme: dark)");
    const read = () => setTheme(`${document.documentElement.dataset.theme ?? ""} ${media.matches}`);
    read();
    const observer = new MutationObserver(read);
    observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    media.addEventListener("change", read);
    return () => {
      observer.disconnect();
      media.removeEventListener("change", read);
    };
  }, []);
  return theme;
}
