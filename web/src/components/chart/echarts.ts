/** The parts of ECharts that we draw with, in a chunk of their own. */

import { BarChart } from "echarts/charts";
import { AriaComponent, GridComponent, TooltipComponent } from "echarts/components";
import { type EChartsType, init, use as register } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

register([BarChart, GridComponent, TooltipComponent, AriaComponent, CanvasRenderer]);

export { init };
export type { EChartsType };
