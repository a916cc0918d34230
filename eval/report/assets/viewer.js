"use strict";
// Two pictures in one frame with a divider: pointer and keyboard move it, zoom and pan act on both.
class Viewer {
  static STEP = 2;  // percent a key press

  constructor() {
    const { make } = page;
    this.split = 50;
    this.zoom = 1;
    this.pan = { x: 0, y: 0 };  // of the centre, in CSS pixels
    this.images = [0, 1].map(() => make("img", { draggable: "false", decoding: "sync" }));
    this.layers = this.images.map((image, i) => make("div", { class: `layer layer-${i ? "right" : "left"}` }, image));
    this.tags = ["left", "right"].map((side) => make("span", { class: `tag tag-${side}`, "aria-hidden": "true" }));
    this.handle = make("div", { class: "handle", role: "slider", tabindex: "0", "aria-label": "Divider between the pictures",
      "aria-valuemin": "0", "aria-valuemax": "100", "aria-orientation": "horizontal" }, make("span", { class: "grip", "aria-hidden": "true" }, "\u2039\u203a"));
    this.stage = make("div", { class: "stage" }, ...this.layers, ...this.tags, this.handle);
    this.element = make("div", { class: "viewer" }, this.stage);
    this.natural = { width: 1, height: 1 };
    this.names = ["", ""];
    this.listen();
    new ResizeObserver(() => this.lay()).observe(this.element);
  }

  /** sides: two of {src, alt, name}. A zoomed view stays where it is while the size is the same. */
  show(width, height, sides) {
    if (width !== this.natural.width || height !== this.natural.height) this.pan = { x: 0, y: 0 };
    this.natural = { width, height };
    this.names = sides.map((side) => side.name);
    sides.forEach((side, i) => {
      this.images[i].src = side.src;
      this.images[i].alt = side.alt;
      this.tags[i].textContent = side.name;
    });
    this.lay();
    this.move(this.split);
  }

  magnify(zoom) {
    this.pan = { x: (this.pan.x * zoom) / this.zoom, y: (this.pan.y * zoom) / this.zoom };
    this.zoom = zoom;
    this.lay();
  }

  move(split) {
    this.split = Math.max(0, Math.min(100, split));
    this.stage.style.setProperty("--split", `${this.split}%`);
    this.handle.setAttribute("aria-valuenow", String(Math.round(this.split)));
    this.handle.setAttribute("aria-valuetext", `${this.names[0]} on the left ${Math.round(this.split)} percent, ${this.names[1]} on the rest`);
  }

  lay() {
    const room = { width: this.element.clientWidth, height: Math.max(240, innerHeight * 0.8) };
    if (!room.width) return;
    const { width, height } = this.natural;
    const scale = Math.min(1, room.width / width, room.height / height) * this.zoom;
    const shown = { width: Math.min(room.width, width * scale), height: Math.min(room.height, height * scale) };
    this.slack = { x: Math.max(0, (width * scale - shown.width) / 2), y: Math.max(0, (height * scale - shown.height) / 2) };
    this.shift(0, 0, false);
    this.stage.style.width = `${shown.width}px`;
    this.element.style.setProperty("--stage", `${shown.width}px`);
    this.stage.style.height = `${shown.height}px`;
    this.stage.classList.toggle("zoomed", this.slack.x > 0 || this.slack.y > 0);
    for (const image of this.images) {
      image.style.width = `${width * scale}px`;
      image.style.height = `${height * scale}px`;
      image.style.imageRendering = scale > 1 ? "pixelated" : "auto";
    }
  }

  shift(dx, dy) {
    const within = (value, most) => Math.max(-most, Math.min(most, value));
    this.pan = { x: within(this.pan.x + dx, this.slack.x), y: within(this.pan.y + dy, this.slack.y) };
    for (const image of this.images) image.style.transform = `translate(calc(-50% + ${this.pan.x}px), calc(-50% + ${this.pan.y}px))`;
  }

  listen() {
    const { stage, handle } = this;
    let drag = null;
    stage.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      const pans = stage.classList.contains("zoomed") && !handle.contains(event.target);
      drag = { pans, x: event.clientX, y: event.clientY };
      stage.setPointerCapture(event.pointerId);
      handle.focus({ preventScroll: true });
      if (!pans) this.follow(event);
      event.preventDefault();
    });
    stage.addEventListener("pointermove", (event) => {
      if (!drag) return;
      if (drag.pans) this.shift(event.clientX - drag.x, event.clientY - drag.y);
      else this.follow(event);
      Object.assign(drag, { x: event.clientX, y: event.clientY });
    });
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => { drag = null; });
    handle.addEventListener("keydown", (event) => {
      const large = event.shiftKey ? 5 : 1;
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      const to = { ArrowLeft: this.split - Viewer.STEP * large, ArrowDown: this.split - Viewer.STEP * large,
        ArrowRight: this.split + Viewer.STEP * large, ArrowUp: this.split + Viewer.STEP * large,
        PageDown: this.split - 10, PageUp: this.split + 10, Home: 0, End: 100 }[event.key];
      const pan = { w: [0, 40], a: [40, 0], s: [0, -40], d: [-40, 0] }[event.key];
      if (to !== undefined) this.move(to);
      else if (pan) this.shift(...pan);
      else return;
      event.preventDefault();
    });
  }

  follow(event) {
    const box = this.stage.getBoundingClientRect();
    this.move((100 * (event.clientX - box.left)) / box.width);
  }
}
