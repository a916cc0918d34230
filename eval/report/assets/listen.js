"use strict";
// Players and spectrograms of one clip through every codec, at the size that the reader chooses.
(() => {
  const root = document.getElementById("listen");
  const { data, make, choice, nearest } = page;
  if (!root || !data.sounds) return;
  const state = { file: 0, target: data.soundTarget };
  const grid = make("div", { class: "cards" });
  const note = make("p", { class: "note" });
  const output = make("output", {});
  let heard = null;  // the player that plays, or did last

  function player(src, label) {
    const audio = make("audio", { controls: true, preload: "metadata", src, "aria-label": label });
    audio.addEventListener("play", () => {
      if (heard && heard !== audio && heard.isConnected && !heard.paused) {
        audio.currentTime = heard.currentTime;
        heard.pause();
      }
      heard = audio;
    });
    return audio;
  }

  function card(name, version, file) {
    const facts = version.kbps === undefined ? "uncompressed"
      : [`${version.kbps.toFixed(1)} kbit/s`, ...version.measures.map(([title, text]) => `${title} ${text}`)].join(", ");
    const label = `${file.name}, ${name}`;
    return make("figure", { class: "card" },
      make("figcaption", {}, make("strong", {}, name), make("span", { class: "soft" }, ` ${facts}`)),
      make("img", { src: version.picture, loading: "lazy", width: data.spectrogram[0], height: data.spectrogram[1],
        alt: `Spectrogram of ${label}: seconds from left to right, kHz from bottom to top` }),
      player(version.src, label));
  }

  function draw() {
    const file = data.sounds[state.file];
    const target = data.kbps[state.target];
    output.textContent = `about ${target.toFixed(1)} kbit/s`;
    rate.setAttribute("aria-valuetext", output.textContent);
    const cards = Object.entries(file.codecs).filter(([, all]) => all.length)
      .map(([codec, all]) => card(codec, nearest(all, target, (version) => version.kbps), file));
    grid.replaceChildren(card("original", file.original, file), ...cards);
    note.textContent = file.note;
  }

  const rate = make("input", { type: "range", min: "0", max: String(data.kbps.length - 1), step: "1", value: String(state.target),
    "aria-label": "Rate of the coded files" });
  rate.addEventListener("input", () => { state.target = Number(rate.value); draw(); });
  root.append(
    make("div", { class: "controls" },
      choice("clip", data.sounds.map((file, i) => [String(i), file.name]), "0", (i) => { state.file = Number(i); draw(); }).element,
      make("label", { class: "choice wide" }, make("span", {}, "rate ", output), rate)),
    grid, note);
  draw();
})();
