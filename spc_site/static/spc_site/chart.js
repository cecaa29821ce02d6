/* Tooltips, keys and zoom for charts drawn by the server. A chart is complete without this file.
 *
 * Pointer: move or drag sideways to read values; on a phone the page still scrolls up and down.
 * Keys:    ← → one step, Home End the ends, ↑ ↓ from violation to violation, + − 0 zoom, Escape closes.
 * Zoom (control charts from 60 points): two fingers, Ctrl + wheel, drag with the mouse, or the buttons.
 *
 * Choosing a point by tap, click or key sends "chart:point" ({index, label}) up from the SVG, so that a page
 * can mark the row of that point in its table.
 */
(() => {
  "use strict";

  const NS = "http://www.w3.org/2000/svg";
  const ZOOM_FROM = 60; // fewer points have room enough
  const LEAST = 8; // points that stay visible
  const DOTS_UP_TO = 150;
  const PAIR = /(-?\d+(?:\.\d+)?) (-?\d+(?:\.\d+)?)/g; // "x y" in our own path data
  const english = document.documentElement.lang.startsWith("en");
  const WORDS = english
    ? { in: "Zoom in", out: "Zoom out", left: "Earlier", right: "Later", all: "All" }
    : { in: "放大", out: "缩小", left: "向前", right: "向后", all: "全部" };

  let tip = null; // one for the page

  const element = (name, attributes) => {
    const node = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return node;
  };
  const clamp = (value, lo, hi) => Math.min(Math.max(value, lo), hi);
  const fill = (pattern, value) => pattern.split("{}").join(value);
  const withUnit = (text, unit) => (unit ? `${text} ${unit}` : text);

  /** Show lines of text beside a place on the screen; the first line is the heading. */
  function showTip(lines, x, y, touch) {
    if (!tip) {
      tip = document.createElement("div");
      tip.className = "chart-tip";
      tip.setAttribute("role", "status");
      document.body.append(tip);
    }
    tip.replaceChildren(
      ...lines.map(({ text, bad }, n) => {
        const row = document.createElement(n ? "div" : "b");
        row.textContent = text;
        if (bad) row.className = "bad";
        return row;
      }),
    );
    tip.hidden = false;
    const { offsetWidth: width, offsetHeight: height } = tip;
    const view = document.documentElement.clientWidth;
    const left = x + 14 + width > view - 6 ? x - 14 - width : x + 14;
    const top = touch ? y - height - 28 : y - height / 2;
    tip.style.left = `${window.scrollX + clamp(left, 6, Math.max(6, view - width - 6))}px`;
    tip.style.top = `${window.scrollY + Math.max(6, top)}px`;
  }

  const hideTip = () => {
    if (tip) tip.hidden = true;
  };

  /** What all kinds share: one place is "chosen", pointer and keys move it. */
  class Chart {
    constructor(svg) {
      this.svg = svg;
      this.data = JSON.parse(svg.dataset.chart);
      this.box = svg.viewBox.baseVal;
      this.chosen = -1;
      this.behind = element("g", {}); // the cursor must not hide what it points at
      this.marks = element("g", {});
      svg.querySelector(":scope > :not(title, desc)").before(this.behind);
      svg.append(this.marks);
      svg.querySelector(":scope > title")?.remove(); // aria-label stays; the browser's own tooltip goes
      svg.setAttribute("tabindex", "0");
      svg.classList.add("chart-live");
      svg.addEventListener("pointermove", (event) => this.move(event));
      svg.addEventListener("pointerdown", (event) => this.down(event));
      svg.addEventListener("pointerup", (event) => this.up(event));
      svg.addEventListener("pointercancel", (event) => this.up(event));
      svg.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.clear());
      svg.addEventListener("keydown", (event) => this.key(event));
      svg.addEventListener("blur", () => this.clear());
    }

    /** Return the place of an event in the view box. */
    place(event) {
      const area = this.svg.getBoundingClientRect();
      return {
        x: ((event.clientX - area.left) / area.width) * this.box.width,
        y: ((event.clientY - area.top) / area.height) * this.box.height,
      };
    }

    move(event) {
      this.choose(this.nearest(this.place(event)), event);
    }

    down(event) {
      this.choose(this.nearest(this.place(event)), event);
      this.tell();
    }

    up(event) {
      if (event.type === "pointercancel") this.clear(); // the page scrolls
    }

    key(event) {
      const last = this.count() - 1;
      const next = {
        ArrowRight: Math.min(this.chosen + 1, last),
        ArrowLeft: this.chosen < 0 ? last : Math.max(this.chosen - 1, 0),
        Home: 0,
        End: last,
      }[event.key];
      if (event.key === "Escape") this.clear();
      else if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      else {
        this.choose(next);
        this.tell();
      }
      event.preventDefault();
    }

    choose(index, event) {
      if (index < 0) {
        this.clear();
        return;
      }
      this.chosen = index;
      const { lines, x, y } = this.show(index);
      const area = this.svg.getBoundingClientRect();
      const at = area.left + (x / this.box.width) * area.width;
      const height = event ? event.clientY : area.top + (y / this.box.height) * area.height;
      showTip(lines, at, height, event?.pointerType === "touch");
    }

    clear() {
      this.chosen = -1;
      this.behind.replaceChildren();
      this.marks.replaceChildren();
      hideTip();
    }

    tell() {}
  }

  class ControlChart extends Chart {
    constructor(svg) {
      super(svg);
      [this.first, this.gap] = this.data.x;
      [this.left, this.right] = this.data.r;
      this.window = [0, this.data.c - 1];
      this.pointers = new Map();
      this.sentences = new Map();
      this.groups = [...svg.querySelectorAll(".ch-zoom")];
      this.panels = this.data.p.map((panel, n) => this.read(panel, this.groups.find((g) => g.dataset.i === String(n))));
      if (this.data.c >= ZOOM_FROM) this.prepareZoom();
    }

    /** Take the places of a plot's points from its marks, and the sentences from the titles. */
    read(panel, group) {
      const places = new Map();
      const note = (x, y) => places.set(Math.round((x - this.first) / (this.gap || 1)), y);
      for (const path of group.querySelectorAll(".ch-line, .ch-dots"))
        for (const [, x, y] of path.getAttribute("d").matchAll(PAIR)) note(Number(x), Number(y));
      for (const ring of group.querySelectorAll(".ch-excluded circle"))
        note(Number(ring.getAttribute("cx")), Number(ring.getAttribute("cy")));
      for (const mark of group.querySelectorAll(".ch-at[data-i]")) {
        const [, x, y] = mark.getAttribute("transform").match(/\((\S+) (\S+)\)/);
        note(Number(x), Number(y));
        const index = Number(mark.dataset.i);
        const [, ...lines] = (mark.querySelector("title")?.textContent ?? "").split("\n");
        this.sentences.set(index, [...(this.sentences.get(index) ?? []), ...lines]);
        mark.querySelector("title")?.remove();
      }
      return { ...panel, group, places };
    }

    count() {
      return this.data.c;
    }

    label(index) {
      return fill(this.data.w, this.data.n ? this.data.n[index] : index + 1);
    }

    /** Where a point is drawn now. */
    x(index) {
      return this.now(this.first + index * this.gap);
    }

    now(x) {
      if (!this.zoomed) return x;
      const [from, to] = this.window;
      const start = this.first + from * this.gap;
      const end = this.first + to * this.gap;
      const room = this.first - this.left;
      return this.left + room + ((x - start) / (end - start)) * (this.right - this.left - 2 * room);
    }

    nearest({ x }) {
      if (this.data.c === 1) return 0;
      const [from, to] = this.zoomed ? this.window : [0, this.data.c - 1];
      const a = this.x(from);
      return clamp(Math.round(from + ((x - a) / (this.x(to) - a)) * (to - from)), Math.ceil(from), Math.floor(to));
    }

    show(index) {
      const x = this.x(index);
      const marks = [];
      const cursors = [];
      const lines = [{ text: this.label(index) }];
      let height = this.panels[0].y[0];
      this.panels.forEach((panel, n) => {
        cursors.push(element("path", { class: "ch-cursor", d: `M${x} ${panel.y[0]}V${panel.y[1]}` }));
        const value = panel.v[index];
        if (value === null || value === undefined) return;
        const y = panel.places.get(index);
        if (y !== undefined) {
          marks.push(element("circle", { class: "ch-here", cx: x, cy: y, r: 5 }));
          if (n === 0) height = y;
        }
        const digits = panel.d <= 9 && Math.abs(value) < 1e10 ? value.toFixed(panel.d) : String(value);
        lines.push({ text: withUnit(`${panel.t} ${digits}`.trim(), panel.u) });
      });
      if (this.data.e?.i.includes(index)) lines.push({ text: this.data.e.w });
      for (const text of this.sentences.get(index) ?? []) lines.push({ text: `▲ ${text}`, bad: true });
      this.behind.replaceChildren(...cursors);
      this.marks.replaceChildren(...marks);
      return { lines, x, y: height };
    }

    tell() {
      if (this.chosen < 0) return;
      const detail = { index: this.chosen, label: this.label(this.chosen) };
      this.svg.dispatchEvent(new CustomEvent("chart:point", { bubbles: true, detail }));
    }

    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const jump = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const zoom = { "+": 0.5, "=": 0.5, "-": 2, 0: Infinity }[event.key];
      if (jump) {
        const bad = [...this.sentences.keys()].sort((a, b) => jump * (a - b));
        const next = bad.find((i) => this.chosen < 0 || jump * (i - this.chosen) > 0);
        if (next === undefined) return;
        this.reveal(next);
        this.choose(next);
        this.tell();
        event.preventDefault();
      } else if (zoom && this.tools) {
        this.scale(zoom, this.chosen < 0 ? undefined : this.chosen);
        event.preventDefault();
      } else {
        super.key(event);
        if (this.chosen >= 0) this.reveal(this.chosen);
      }
    }

    /* ---- zoom ---- */

    prepareZoom() {
      // What is zoomed keeps the coordinates it was drawn with; every redraw starts from them.
      this.drawn = this.groups.flatMap((group) =>
        [...group.querySelectorAll("path[d], rect, circle, text, .ch-at")]
          .filter((node) => node.classList.contains("ch-at") || !node.closest(".ch-at"))
          .map((node) => ({ node, was: this.remember(node) })),
      );
      this.ticks = this.svg.querySelector(".ch-ticks");
      this.ticksWere = [...this.ticks.childNodes];
      this.tools = document.createElement("div");
      this.tools.className = "chart-tools";
      const actions = [
        ["left", "‹", () => this.shift(-0.5)],
        ["right", "›", () => this.shift(0.5)],
        ["out", "−", () => this.scale(2)],
        ["in", "+", () => this.scale(0.5)],
        ["all", WORDS.all, () => this.scale(Infinity)],
      ];
      this.buttons = {};
      for (const [name, text, act] of actions) {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = text;
        button.setAttribute("aria-label", WORDS[name]);
        button.title = WORDS[name];
        button.addEventListener("click", act);
        this.buttons[name] = button;
        this.tools.append(button);
      }
      this.tools.classList.add(...[...this.svg.classList].filter((name) => /^chart-(narrow|medium|wide)$/.test(name)));
      this.svg.after(this.tools);
      this.svg.classList.add("chart-zooms");
      this.svg.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
      this.svg.addEventListener("dblclick", () => this.scale(Infinity));
      this.enable();
    }

    /** Return what the zoom needs of a mark: its attributes as drawn, and whether it stands for points. */
    remember(node) {
      const names = { path: ["d"], rect: ["x", "width"], circle: ["cx"], text: ["x"], g: ["transform"] }[node.tagName];
      return {
        onPoint: node.matches(".ch-line, .ch-dots, .ch-at[data-i], .ch-excluded circle"),
        attributes: names.map((name) => [name, node.getAttribute(name)]),
      };
    }

    draw() {
      for (const { node, was } of this.drawn)
        for (const [name, value] of was.attributes)
          node.setAttribute(name, this.zoomed ? this.stretched(name, value, was) : value);
      this.clip();
      this.drawTicks();
      this.drawDots();
      this.enable();
      if (this.chosen >= 0) this.show(this.chosen);
    }

    /** Return an attribute as it is in the present window. */
    stretched(name, value, { onPoint, attributes }) {
      // Coordinates are rounded to a tenth; stretched, that would show: a point's own place is exact.
      const exact = onPoint ? (x) => this.first + Math.round((x - this.first) / this.gap) * this.gap : (x) => x;
      const now = (x) => this.now(exact(Number(x)));
      if (name === "d" || name === "transform") return value.replace(PAIR, (_, x, y) => `${now(x).toFixed(1)} ${y}`);
      if (name !== "width") return now(value).toFixed(1);
      const left = Number(attributes[0][1]);
      return (now(left + Number(value)) - now(left)).toFixed(1);
    }

    /** Cut what lies outside of the plots, sideways only. */
    clip() {
      if (!this.clipId) {
        this.clipId = `chart-clip-${Math.random().toString(36).slice(2)}`;
        const path = element("clipPath", { id: this.clipId });
        path.append(element("rect", { x: this.left, y: 0, width: this.right - this.left, height: this.box.height }));
        this.svg.prepend(path);
      }
      for (const group of this.groups) {
        if (this.zoomed) group.setAttribute("clip-path", `url(#${this.clipId})`);
        else group.removeAttribute("clip-path");
      }
    }

    drawTicks() {
      if (!this.zoomed) {
        this.ticks.replaceChildren(...this.ticksWere);
        return;
      }
      const pattern = this.ticksWere[0];
      const y = pattern.querySelector("text").getAttribute("y");
      const [from, to] = this.window.map(Math.round);
      const name = (i) => (this.data.n ? this.data.n[i] : String(i + 1));
      const widest = Math.max(name(from).length, name(to).length) * 8 + 14;
      const least = widest / (this.x(1) - this.x(0));
      const stride = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((step) => step >= least) ?? 1000;
      const group = pattern.cloneNode(false);
      for (let i = from; i <= to; i += 1) {
        if ((i + 1) % stride) continue;
        const text = element("text", { x: this.x(i).toFixed(1), y, "text-anchor": "middle" });
        text.textContent = name(i);
        group.append(text);
      }
      this.ticks.replaceChildren(group);
    }

    /** Long series have a bare line; zoomed in, its points appear. */
    drawDots() {
      for (const panel of this.panels) {
        panel.extra?.remove();
        const line = panel.group.querySelector(".ch-line");
        const visible = this.window[1] - this.window[0];
        if (!line || !this.zoomed || this.data.c <= DOTS_UP_TO || visible > DOTS_UP_TO) continue;
        const dots = [...line.getAttribute("d").matchAll(PAIR)].map(([, x, y]) => `M${x} ${y}h0`).join("");
        panel.extra = element("path", { class: "ch-dots", d: dots, "stroke-width": 4.6, "stroke-linecap": "round" });
        line.after(panel.extra);
      }
    }

    enable() {
      const [from, to] = this.window;
      this.buttons.left.disabled = from <= 0;
      this.buttons.right.disabled = to >= this.data.c - 1;
      this.buttons.out.disabled = this.buttons.all.disabled = !this.zoomed;
      this.buttons.in.disabled = to - from <= LEAST;
    }

    set(from, to) {
      const last = this.data.c - 1;
      const width = clamp(to - from, Math.min(LEAST, last), last);
      const start = clamp(from, 0, last - width);
      this.window = [start, start + width];
      this.zoomed = width < last;
      if (!this.frame)
        this.frame = requestAnimationFrame(() => {
          this.frame = null;
          this.draw();
        });
    }

    /** Show `factor` times as many points, with `around` staying where it is. */
    scale(factor, around = (this.window[0] + this.window[1]) / 2) {
      const [from, to] = this.window;
      const last = this.data.c - 1;
      if (factor === Infinity) this.set(0, last);
      else this.set(around - (around - from) * factor, around + (to - around) * factor);
    }

    shift(share) {
      const [from, to] = this.window;
      this.set(from + share * (to - from), to + share * (to - from));
    }

    reveal(index) {
      const [from, to] = this.window;
      if (!this.zoomed || (index >= from && index <= to)) return;
      this.set(index - (to - from) / 2, index + (to - from) / 2);
    }

    wheel(event) {
      if (!event.ctrlKey) return; // the page scrolls
      event.preventDefault();
      this.scale(event.deltaY > 0 ? 1.2 : 1 / 1.2, this.exact(this.place(event).x));
    }

    /** The (fractional) index under a place. */
    exact(x) {
      const [from, to] = this.window;
      const a = this.x(from);
      return from + ((x - a) / (this.x(to) - a)) * (to - from);
    }

    down(event) {
      this.pointers.set(event.pointerId, this.place(event));
      this.svg.setPointerCapture(event.pointerId);
      if (this.tools && this.pointers.size === 2) {
        const xs = [...this.pointers.values()].map(({ x }) => x);
        this.pinch = { held: xs.map((x) => this.exact(x)) };
        this.clear();
      } else if (this.tools && event.pointerType === "mouse" && event.button === 0) {
        this.brush = { from: this.place(event).x, to: null };
        super.down(event);
      } else super.down(event);
    }

    move(event) {
      const place = this.place(event);
      if (this.pointers.has(event.pointerId)) this.pointers.set(event.pointerId, place);
      if (this.pinch && this.pointers.size === 2) {
        // Both held points stay under their fingers.
        const [a, b] = [...this.pointers.values()].map(({ x }) => x);
        const [i, j] = this.pinch.held;
        if (Math.abs(b - a) < 12 || Math.abs(j - i) < 0.01) return;
        const step = (j - i) / (b - a);
        if (step <= 0) return;
        const room = this.first - this.left;
        this.set(i - (a - this.left - room) * step, i + (this.right - room - a) * step);
        return;
      }
      if (this.brush && Math.abs(place.x - this.brush.from) > 8) {
        this.brush.to = clamp(place.x, this.left, this.right);
        const from = Math.min(this.brush.from, this.brush.to);
        const width = Math.abs(this.brush.to - this.brush.from);
        this.clear();
        this.marks.replaceChildren(
          ...this.panels.map(({ y: [top, bottom] }) =>
            element("rect", { class: "ch-brush", x: from, y: top, width, height: bottom - top }),
          ),
        );
        return;
      }
      super.move(event);
    }

    up(event) {
      this.pointers.delete(event.pointerId);
      if (this.pointers.size < 2) this.pinch = null;
      if (this.brush?.to != null && event.type === "pointerup") {
        const [from, to] = [this.brush.from, this.brush.to].sort((a, b) => a - b);
        this.set(this.exact(from), this.exact(to));
        this.clear();
      }
      this.brush = null;
      super.up(event);
    }
  }

  class Histogram extends Chart {
    count() {
      return this.data.b.length;
    }

    nearest({ x }) {
      return this.data.b.findIndex(([left, right]) => x >= left && x < right);
    }

    show(index) {
      const [left, right, range, count, outside] = this.data.b[index];
      const [top, bottom] = this.data.y;
      this.behind.replaceChildren(
        element("rect", { class: "ch-bin", x: left, y: top, width: right - left, height: bottom - top }),
      );
      const lines = [{ text: withUnit(range, this.data.u) }, { text: fill(this.data.w, count) }];
      if (outside) lines.push({ text: `▲ ${fill(this.data.w, outside)}`, bad: true });
      return { lines, x: (left + right) / 2, y: (top + bottom) / 2 };
    }
  }

  class LineChart extends Chart {
    constructor(svg) {
      super(svg);
      this.points = this.data.s.flatMap((one) => one.p.map((point) => ({ name: one.t, point })));
      this.points.sort((a, b) => a.point[0] - b.point[0]);
    }

    count() {
      return this.points.length;
    }

    nearest({ x, y }) {
      let best = -1;
      let least = Infinity;
      this.points.forEach(({ point }, n) => {
        const far = 4 * Math.abs(point[0] - x) + Math.abs(point[1] - y); // sideways counts more
        if (far < least) [best, least] = [n, far];
      });
      return best;
    }

    show(index) {
      const { name, point } = this.points[index];
      const [x, y, vx, vy] = point;
      this.marks.replaceChildren(element("circle", { class: "ch-here", cx: x, cy: y, r: 5 }));
      const lines = [{ text: `${this.data.xn} ${vx}`.trim() }, { text: `${this.data.yn} ${vy}`.trim() }];
      if (name) lines.unshift({ text: name });
      return { lines, x, y };
    }
  }

  const KINDS = { p: ControlChart, b: Histogram, s: LineChart };

  /** Bring the charts below a node to life, each once. A page that loads parts calls it for the new part. */
  function enliven(root) {
    for (const svg of root.querySelectorAll("svg[data-chart]:not(.chart-live)")) {
      const data = JSON.parse(svg.dataset.chart);
      const Kind = Object.entries(KINDS).find(([key]) => key in data)?.[1];
      if (Kind) new Kind(svg);
    }
  }

  window.spcCharts = { enliven };
  document.addEventListener("keydown", (event) => event.key === "Escape" && hideTip());
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => enliven(document));
  else enliven(document);
})();
