"use strict";
// Which pictures the viewer shows: a file, two codecs and a target size.
(() => {
  const root = document.getElementById("compare");
  const { data, make, choice, buttons, count, nearest } = page;
  if (!root || !data.pictures) return;
  const files = data.pictures;
  const ORIGINAL = "original";
  const state = { file: 0, left: data.pair[0], right: data.pair[1], target: data.target };
  const viewer = new Viewer();
  const captions = [make("p", { class: "side" }), make("p", { class: "side" })];
  const verdict = make("p", { class: "note", "aria-live": "polite" });

  const versions = (file, codec) => file.codecs[codec] || [];
  const pickOf = (file, codec, bytes) => {
    if (codec === ORIGINAL || !versions(file, codec).length) return { ...file.original, original: true };
    return nearest(versions(file, codec), bytes, (version) => version.bytes);
  };

  function caption(element, codec, file, picked) {
    const line = picked.original ? "uncompressed" : `setting ${picked.setting}`;
    const measures = picked.original ? [] : picked.measures;
    element.replaceChildren(make("strong", {}, picked.original ? ORIGINAL : codec), make("span", { class: "soft" }, ` ${line}`), make("br"),
      picked.original ? "" : `${count(picked.bytes)} bytes`,
      ...(picked.original ? [] : [make("br"), `${picked.bpp.toFixed(3)} bpp`]),
      ...measures.flatMap(([name, text]) => [make("br"), `${name} ${text}`]));
  }

  function draw() {
    const file = files[state.file];
    const target = file.targets[Math.min(state.target, file.targets.length - 1)];
    const first = pickOf(file, state.left, target);
    const sides = [{ codec: state.left, picked: first }, { codec: state.right, picked: pickOf(file, state.right, first.bytes || target) }];
    const name = (side) => (side.picked.original ? ORIGINAL : side.codec);
    viewer.show(file.width, file.height, sides.map((side) => ({ src: side.picked.src, name: name(side),
      alt: side.picked.original ? `${file.name}, original` : `${file.name} coded by ${side.codec} in ${side.picked.bytes} bytes` })));
    sides.forEach((side, i) => caption(captions[i], side.codec, file, side.picked));
    size.max = String(file.targets.length - 1);
    size.setAttribute("aria-valuetext", `about ${count(target)} bytes`);
    output.textContent = `about ${count(target)} bytes`;
    const [left, right] = sides.map((side) => side.picked);
    const parts = file.note ? [file.note] : [];
    if (!left.original && !right.original) {
      const more = 100 * (right.bytes / left.bytes - 1);
      parts.push(`The right file is ${Math.abs(more).toFixed(1)} % ${more < 0 ? "smaller" : "larger"} than the left one.`);
    }
    for (const side of sides) if (side.picked.original && side.codec !== ORIGINAL) parts.push(`There is no picture of ${side.codec} for this file.`);
    verdict.textContent = parts.join(" ");
  }

  const set = (key, number = false) => (value) => { state[key] = number ? Number(value) : value; draw(); };
  const names = [...data.pictureCodecs, ORIGINAL].map((codec) => [codec, codec]);
  const output = make("output", {});
  const size = make("input", { type: "range", min: "0", max: String(files[0].targets.length - 1), step: "1", value: String(state.target),
    "aria-label": "Size of the coded files" });
  size.addEventListener("input", () => { state.target = Number(size.value); draw(); });
  const zoom = buttons("Zoom", ["1\u00d7", "2\u00d7", "4\u00d7"], "radio", (i) => viewer.magnify([1, 2, 4][i]));
  root.append(
    make("div", { class: "controls" },
      choice("picture", files.map((file, i) => [String(i), file.name]), "0", set("file", true)).element,
      choice("left", names, state.left, set("left")).element,
      choice("right", names, state.right, set("right")).element,
      make("label", { class: "choice wide" }, make("span", {}, "size ", output), size),
      make("div", { class: "choice" }, make("span", { "aria-hidden": "true" }, "zoom"), zoom.list)),
    viewer.element);
  viewer.element.append(make("div", { class: "sides" }, ...captions), verdict);
  zoom.pick(0);
  draw();
})();
