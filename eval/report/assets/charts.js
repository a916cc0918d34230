"use strict";
// Curves by Plotly, one chart of a group at a time, in the colours of the page.
(() => {
  const { data, make, buttons } = page;
  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const charts = [];

  /** What a logarithmic axis over these numbers says: 1, 2, 5, more digits where it is short, Plotly's where shorter. */
  function ticks(values) {
    const ratio = Math.max(...values) / Math.min(...values);
    if (!(ratio > 2)) return { tickmode: "auto", dtick: null };
    const digits = ratio < 8 ? [1, 1.5, 2, 3, 4, 5, 6, 8] : [1, 2, 5];
    const powers = [-4, -3, -2, -1, 0, 1, 2, 3, 4, 5];
    const tickvals = powers.flatMap((power) => digits.map((digit) => Number(`${digit}e${power}`)));
    return { tickmode: "array", tickvals, ticktext: tickvals.map(String) };
  }

  function colours() {
    const axis = { color: token("--soft"), gridcolor: token("--line"), zerolinecolor: token("--line"), linecolor: token("--line") };
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: token("--ink") },
      hoverlabel: { bgcolor: token("--card"), bordercolor: token("--line"), font: { color: token("--ink") } },
      xaxis: axis, yaxis: axis,
    };
  }

  const merged = (one, two) => {
    const result = { ...one };
    for (const [key, value] of Object.entries(two)) {
      const both = value && typeof value === "object" && !Array.isArray(value) && result[key] && typeof result[key] === "object";
      result[key] = both ? merged(result[key], value) : value;
    }
    return result;
  };

  function layout(figure, log, narrow) {
    const own = { ...figure.layout };
    const values = (axis) => figure.data.flatMap((trace) => trace[axis]);
    for (const key of ["template", "width", "height", "title"]) delete own[key];
    return merged(merged(own, colours()), {
      autosize: true,
      height: narrow ? 360 + 20 * figure.data.length : 500,
      margin: narrow ? { l: 46, r: 8, t: 10, b: 48 } : { l: 60, r: 12, t: 10, b: 56 },
      legend: narrow ? { orientation: "h", y: -0.3, x: 0, yanchor: "top", font: { size: 12 } }
        : { orientation: "v", x: 1.02, y: 1, xanchor: "left", yanchor: "top" },
      xaxis: { type: log ? "log" : "linear", autorange: true, automargin: true,
        ...(log ? ticks(values("x")) : { tickmode: "auto", dtick: null }) },
      yaxis: { automargin: true, ...(own.yaxis.type === "log" ? ticks(values("y")) : {}) },
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      hovermode: "closest",
    });
  }

  function group(root) {
    const figures = data.figures.filter((figure) => figure.group === root.dataset.group);
    if (!figures.length) return;
    const panel = make("div", { class: "plot", role: "tabpanel", tabindex: "-1" });
    const note = make("p", { class: "note" });
    const hidden = new Set();  // names the reader switched off stay off from chart to chart
    const state = { index: 0, log: figures[0].log };
    const narrow = () => root.clientWidth < 640;

    const draw = () => {
      const figure = figures[state.index];
      panel.setAttribute("aria-label", `${figure.title}: ${figure.alt}`);
      note.textContent = figure.note;
      const traces = figure.data.map((trace) => ({ ...trace, visible: hidden.has(trace.name) ? "legendonly" : true }));
      return Plotly.react(panel, traces, layout(figure, state.log, narrow()),
        { responsive: true, displayModeBar: false });
    };
    const tabs = buttons("Measure", figures.map((figure) => figure.title), "tab", (index) => {
      state.index = index;
      draw();
    });
    const scale = buttons("Scale of the rate", ["linear", "log"], "radio", (index) => {
      state.log = index === 1;
      if (panel.data) draw();
    });
    root.append(make("div", { class: "controls" }, figures.length > 1 ? tabs.list : make("strong", {}, figures[0].title),
      make("div", { class: "choice axis" }, make("span", { "aria-hidden": "true" }, "rate"), scale.list)), panel, note);
    scale.pick(state.log ? 1 : 0);
    tabs.pick(0);
    panel.on("plotly_restyle", () => {
      for (const trace of panel.data) {
        if (trace.visible === "legendonly") hidden.add(trace.name);
        else hidden.delete(trace.name);
      }
    });
    let wasNarrow = narrow();
    new ResizeObserver(() => {
      if (narrow() === wasNarrow) return;
      wasNarrow = narrow();
      draw();
    }).observe(root);
    charts.push(draw);
  }

  document.querySelectorAll(".charts").forEach(group);
  document.addEventListener("themechange", () => charts.forEach((draw) => draw()));
})();
