"use strict";
// What the other scripts share: the data, elements without innerHTML, tabs, choices and number formats.
const page = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);

  /** An element; text is never parsed as HTML. */
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }

  /** A labelled select. options: [value, label]; choose(value) is called on every change. */
  function choice(label, options, value, choose) {
    const select = make("select", { "aria-label": label }, ...options.map(([v, text]) => make("option", { value: v }, text)));
    select.value = value;
    select.addEventListener("change", () => choose(select.value));
    return { element: make("label", { class: "choice" }, make("span", {}, label), select), select };
  }

  /** A row of exclusive buttons, one tab stop, arrow keys inside. role: "tab" or "radio". */
  function buttons(name, labels, role, choose) {
    const selected = role === "tab" ? "aria-selected" : "aria-checked";
    const all = labels.map((label, i) => make("button", { type: "button", role, onclick: () => pick(i) }, label));
    const list = make("div", { class: role === "tab" ? "tabs" : "segments", role: role === "tab" ? "tablist" : "radiogroup",
      "aria-label": name }, ...all);
    function pick(index, focus = false) {
      all.forEach((button, i) => {
        button.setAttribute(selected, String(i === index));
        button.tabIndex = i === index ? 0 : -1;
      });
      if (focus) all[index].focus();
      choose(index);
    }
    list.addEventListener("keydown", (event) => {
      const now = all.indexOf(document.activeElement);
      const last = all.length - 1;
      const next = { ArrowRight: now === last ? 0 : now + 1, ArrowDown: now === last ? 0 : now + 1,
        ArrowLeft: now === 0 ? last : now - 1, ArrowUp: now === 0 ? last : now - 1, Home: 0, End: last }[event.key];
      if (now < 0 || next === undefined) return;
      event.preventDefault();
      pick(next, true);
    });
    return { list, all, pick };
  }

  /** With thin spaces between thousands. */
  const count = (number) => String(Math.round(number)).replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const size = (bytes) => (bytes < 100000 ? `${count(bytes)} bytes` : `${count(bytes / 1000)} kB`);
  const signed = (number) => {
    const text = Math.abs(number).toFixed(1);
    return `${text === "0.0" ? "" : number > 0 ? "+" : "\u2212"}${text}`;
  };

  /** The item whose `value(item)` is nearest to the target, in proportion. */
  const nearest = (items, target, value) => items.reduce((best, item) =>
    Math.abs(Math.log(value(item) / target)) < Math.abs(Math.log(value(best) / target)) ? item : best);

  return { data, make, choice, buttons, count, size, signed, nearest };
})();

for (const button of document.querySelectorAll("button.copy")) {
  button.addEventListener("click", async () => {
    const code = button.parentElement.querySelector("code");
    let copied = true;
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {  // not allowed: select it, so that the reader can
      getSelection().selectAllChildren(code);
      copied = document.execCommand("copy");
    }
    button.textContent = copied ? "Copied" : "Selected";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}
