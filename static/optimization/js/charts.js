// Thirty days of scores with tomorrow's forecast as a point and its interval as a band.

/* global uPlot */


const HEIGHT = 130;
// Room for the half of a line or point at 0 or 100 that lies beyond it.
const RANGE = [-6, 106];
const plots = new Map();
const shown = new Map();

/** Draw each agent's chart; one whose numbers did not change is left alone. */
export function drawCharts(charts) {
  forgetRemoved();
  for (const [agent, chart] of Object.entries(charts)) {
    const place = document.querySelector(`[data-chart="${agent}"]`);
    const text = JSON.stringify(chart);
    if (!place || shown.get(agent) === text) continue;
    shown.set(agent, text);
    plots.get(agent)?.destroy();
    plots.set(agent, draw(place, chart));
  }
}

/** A card that left the page took its chart with it. */
function forgetRemoved() {
  for (const [agent, plot] of plots) {
    if (plot.root.isConnected) continue;
    plot.destroy();
    plots.delete(agent);
    shown.delete(agent);
  }
}

function draw(place, chart) {
  return new uPlot(options(place), columns(chart), place);
}

/** Days, scores, forecast, and the interval opening from the last day with a score. */
function columns({ days, scores, prediction, interval }) {
  const last = days.length - 1;
  const none = () => days.map(() => null);
  const [forecast, low, high] = [none(), none(), none()];
  forecast[last] = prediction;
  const from = scores.findLastIndex((score) => score !== null);
  if (interval && from >= 0) {
    low[from] = high[from] = scores[from];
    [low[last], high[last]] = interval;
  }
  return [days, scores, forecast, low, high];
}

function options(place) {
  const colour = (name) => getComputedStyle(place).getPropertyValue(name).trim();
  const [ink, line, accent, violet] = ["--ink-soft", "--line", "--accent", "--violet-line"].map(
    colour,
  );
  // The day first, as every page writes it, in English too.
  const dayFormat = new Intl.DateTimeFormat("en-GB", {
    day: "2-digit",
    month: "2-digit",
    timeZone: "UTC",
  });
  const axis = { stroke: ink, font: "11px system-ui", grid: { stroke: line, width: 1 } };
  const bound = { stroke: "transparent", points: { show: false }, spanGaps: true };
  return {
    width: place.clientWidth,
    height: HEIGHT,
    padding: [8, 24, 0, 0],
    cursor: { show: false },
    legend: { show: false },
    scales: { x: { time: false }, y: { range: RANGE } },
    axes: [
      {
        ...axis,
        ticks: { show: false },
        grid: { show: false },
        size: 22,
        splits: (_plot, _axis, from, to) => [from, (from + to) / 2, to],
        values: (_plot, splits) => splits.map((day) => dayFormat.format(day * 1000)),
      },
      { ...axis, ticks: { show: false }, size: 32, splits: () => [0, 50, 100] },
    ],
    series: [
      {},
      {
        stroke: accent,
        width: 2,
        points: { show: true, size: 5, fill: accent, filter: (plot) => alone(plot.data[1]) },
      },
      { stroke: violet, points: { show: true, size: 8, fill: violet } },
      bound,
      bound,
    ],
    bands: [{ series: [4, 3], fill: withAlpha(violet) }],
  };
}

/** The days between two gaps: no line leads to them, so that they need a point to be seen. */
function alone(scores) {
  const isKnown = (day) => (scores[day] ?? null) !== null;
  return [...scores.keys()].filter(
    (day) => isKnown(day) && !isKnown(day - 1) && !isKnown(day + 1),
  );
}

/** An OKLCH colour of the tokens, see-through. */
function withAlpha(colour) {
  return colour.replace(/\)$/, " / 0.2)");
}

new ResizeObserver(() => {
  for (const plot of plots.values()) {
    const { clientWidth: width } = plot.root.parentElement;
    if (width !== plot.width) plot.setSize({ width, height: HEIGHT });
  }
}).observe(document.querySelector(".agents"));

// The colours are drawn, not styled: another theme needs another drawing, and so does paper.
new MutationObserver(() => redraw()).observe(document.documentElement, {
  attributeFilter: ["data-theme"],
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw());
matchMedia("print").addEventListener("change", () => redraw());

function redraw() {
  const charts = Object.fromEntries([...shown].map(([agent, text]) => [agent, JSON.parse(text)]));
  shown.clear();
  drawCharts(charts);
}
