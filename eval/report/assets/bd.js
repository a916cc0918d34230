"use strict";
// BD-rates against the anchor that the reader chooses.
(() => {
  const { data, make, choice, signed } = page;

  /** Interval and mean on a common scale around zero, drawn. */
  function mark(row, reach) {
    const at = (value) => 50 + (50 * Math.max(-reach, Math.min(reach, value))) / reach;
    const line = make("span", { class: "forest", "aria-hidden": "true" });
    if (row.low !== null) {
      line.append(make("span", { class: "range", style: `left:${at(row.low)}%;width:${at(row.high) - at(row.low)}%` }));
    }
    line.append(make("span", { class: "dot", style: `left:${at(row.mean)}%` }));
    return line;
  }

  function table(entry) {
    const valid = entry.rows.filter((row) => row.mean !== null);
    // numbers over different intervals have no best
    const best = entry.same ? Math.min(...valid.map((row) => row.mean)) : null;
    const bestFile = entry.same ? Math.min(...valid.filter((row) => row.file_mean !== null).map((row) => row.file_mean)) : null;
    const reach = Math.max(5, ...valid.flatMap((row) => [row.mean, row.low ?? 0, row.high ?? 0].map(Math.abs)));
    const number = (value, mark) => make("td", { class: `n${mark ? " best" : ""}` }, value === null ? "\u2013" : `${signed(value)} %`);
    const columns = [["Codec", ""], ["Mean curve", "n"], ["95 % interval", "n"], ["fewer bits \u2190 0 \u2192 more", "drawn"],
      ...(entry.same ? [] : [["Over", "n"]]), ...(entry.files ? [["Mean of files", "n"]] : [])];
    const rows = entry.rows.map((row) => {
      const head = make("th", { scope: "row" }, row.codec);
      const rest = String(columns.length - 1);
      if (row.anchor) return make("tr", {}, head, make("td", { colspan: rest, class: "soft" }, "the anchor"));
      if (row.mean === null) return make("tr", {}, head, make("td", { colspan: rest, class: "reason" }, row.reason));
      return make("tr", {}, head, number(row.mean, row.mean === best),
        make("td", { class: "n soft" }, row.low === null ? "\u2013" : `${signed(row.low)} to ${signed(row.high)} %`),
        make("td", { class: "drawn" }, mark(row, reach)),
        entry.same ? null : make("td", { class: "n" }, row.over),
        !entry.files ? null : make("td", { class: `n${row.file_mean !== null && row.file_mean === bestFile ? " best" : ""}` },
          row.file_mean === null ? "\u2013" : `${signed(row.file_mean)} %`,
          make("span", { class: "soft" }, ` (${row.files} of ${row.of})`)));
    });
    return make("table", {},
      make("caption", {}, make("span", {}, entry.caption)),
      make("thead", {}, make("tr", {}, ...columns.map(([text, kind]) => make("th", { scope: "col", class: kind }, text)))),
      make("tbody", {}, ...rows));
  }

  for (const root of document.querySelectorAll(".bd")) {
    const measures = data.bd.filter((measure) => measure.group === root.dataset.group);
    if (!measures.length) continue;
    const holder = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "BD-rates" });
    let measure = measures[0];
    let anchor = measure.anchor;
    const anchors = Object.keys(measure.tables).map((name) => [name, name]);
    const draw = () => holder.replaceChildren(table(measure.tables[anchor]));
    root.append(make("div", { class: "controls" },
      choice("at equal", measures.map((m, i) => [String(i), m.title]), "0", (i) => { measure = measures[Number(i)]; draw(); }).element,
      choice("anchor", anchors, anchor, (name) => { anchor = name; draw(); }).element), holder);
    draw();
  }
})();
