"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const LEAST_SCALE = 0.8; // below it labels are hard to read
  const SMALL_SCALE = 0.6; // above it, seeing everything at once is worth the effort
  const data = JSON.parse(document.getElementById("data").textContent);

  const make = (name, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };
  const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

  class Graph {
    constructor(section, wheel) {
      this.section = section;
      this.wheel = wheel;
      this.svg = section.querySelector(".graph svg");
      this.panel = section.querySelector(".panel");
      this.status = section.querySelector(".status");
      this.search = section.querySelector("input[type=search]");
      this.rows = [...section.querySelectorAll(".files tbody tr")];
      this.nodes = [...this.svg.querySelectorAll("[data-node]")];
      this.lines = [...this.svg.querySelectorAll("[data-line]")];
      this.users = wheel.nodes.map(() => []);
      this.needs = wheel.nodes.map(() => []);
      for (const arrow of wheel.arrows) {
        this.users[arrow.target].push(arrow);
        this.needs[arrow.source].push(arrow);
      }
      this.selected = null;
      this.current = 0;
      this.full = this.svg.viewBox.baseVal;
      this.full = { width: this.full.width, height: this.full.height };
      this.start();
    }

    start() {
      this.section.classList.add("live");
      this.svg.parentElement.style.minHeight = `max(220px, min(74vh, 900px, ${Math.ceil(this.full.height)}px))`;
      for (const hidden of this.section.querySelectorAll(".tools, .keys")) hidden.hidden = false;
      this.svg.setAttribute("role", "application");
      this.svg.setAttribute("aria-describedby", this.section.querySelector(".keys").id);
      this.nodes.forEach((node, index) => {
        const { label, words } = this.wheel.nodes[index];
        node.setAttribute("role", "button");
        node.setAttribute("tabindex", index === 0 ? "0" : "-1");
        node.setAttribute("aria-pressed", "false");
        node.setAttribute("aria-label", `${label}, ${words}, needed by ${this.users[index].length}, needs ${this.needs[index].length}`);
        node.addEventListener("focus", () => this.moved(index));
      });
      for (const button of this.section.querySelectorAll("[data-select]")) {
        button.addEventListener("click", () => this.select(Number(button.dataset.select), true));
      }
      for (const button of this.section.querySelectorAll("[data-zoom]")) {
        button.addEventListener("click", () => this.zoomed(button.dataset.zoom));
      }
      this.search.addEventListener("input", () => this.find());
      this.search.addEventListener("keydown", (event) => this.searchKey(event));
      this.svg.addEventListener("keydown", (event) => this.key(event));
      this.panel.addEventListener("keydown", (event) => {
        if (event.key === "Escape") this.clear();
      });
      this.svg.addEventListener("wheel", (event) => this.wheeled(event), { passive: false });
      this.drag();
      this.opening();
      new ResizeObserver(() => this.show(this.view.x, this.view.y, this.view.scale)).observe(this.svg);
    }

    // The view: the upper left corner in units of the drawing, and screen pixels for each unit.
    get fitting() {
      return Math.min(this.svg.clientWidth / this.full.width, this.svg.clientHeight / this.full.height, 1.5);
    }

    opening() {
      const scale = this.fitting < SMALL_SCALE ? LEAST_SCALE : this.fitting;
      const spare = this.full.height - this.svg.clientHeight / scale;
      this.show(0, spare > 0 ? Math.min(spare / 2, this.box(0).y) : spare / 2, scale);
    }

    show(x, y, scale) {
      const width = this.svg.clientWidth / scale;
      const height = this.svg.clientHeight / scale;
      const within = (value, length, all) => (length >= all ? (all - length) / 2 : Math.min(Math.max(value, 0), all - length));
      this.view = { x: within(x, width, this.full.width), y: within(y, height, this.full.height), scale };
      this.svg.setAttribute("viewBox", `${this.view.x} ${this.view.y} ${width} ${height}`);
    }

    zoom(factor, clientX, clientY) {
      const { x, y, scale } = this.view;
      const next = Math.min(Math.max(scale * factor, Math.min(this.fitting, 0.5)), 4);
      const place = this.svg.getBoundingClientRect();
      const dx = (clientX ?? place.left + place.width / 2) - place.left;
      const dy = (clientY ?? place.top + place.height / 2) - place.top;
      this.show(x + dx / scale - dx / next, y + dy / scale - dy / next, next);
    }

    zoomed(how) {
      if (how === "fit") this.show(0, 0, this.fitting);
      else this.zoom(how === "in" ? 1.3 : 1 / 1.3);
    }

    wheeled(event) {
      if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 300), event.clientX, event.clientY);
    }

    drag() {
      let from = null;
      this.svg.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        from = { x: event.clientX, y: event.clientY, view: this.view, moved: false };
      });
      this.svg.addEventListener("pointermove", (event) => {
        if (!from) return;
        const dx = event.clientX - from.x;
        const dy = event.clientY - from.y;
        if (!from.moved && Math.hypot(dx, dy) < 4) return;
        if (!from.moved) this.svg.setPointerCapture(event.pointerId);
        from.moved = true;
        this.show(from.view.x - dx / from.view.scale, from.view.y - dy / from.view.scale, from.view.scale);
      });
      this.svg.addEventListener("pointerup", (event) => {
        const was = from;
        from = null;
        if (!was || was.moved) return;
        const node = event.target.closest("[data-node]");
        if (node) this.select(Number(node.dataset.node), false);
        else this.clear();
      });
      this.svg.addEventListener("pointercancel", () => (from = null));
    }

    box(index) {
      return this.wheel.nodes[index].box;
    }

    reveal(index) {
      const { x, y, width, height } = this.box(index);
      const { scale } = this.view;
      const wide = this.svg.clientWidth / scale;
      const tall = this.svg.clientHeight / scale;
      const edge = 24 / scale;
      const left = Math.min(Math.max(this.view.x, x + width + edge - wide), x - edge);
      const top = Math.min(Math.max(this.view.y, y + height + edge - tall), y - edge);
      this.show(left, top, scale);
    }

    // Going from file to file: one of them is in the tab order at a time.
    moved(index) {
      this.nodes[this.current].setAttribute("tabindex", "-1");
      this.current = index;
      this.nodes[index].setAttribute("tabindex", "0");
      if (this.view.scale < LEAST_SCALE && this.nodes[index].matches(":focus-visible")) {
        const { x, y } = this.box(index);
        this.show(x - this.svg.clientWidth / 2 / LEAST_SCALE, y - this.svg.clientHeight / 2 / LEAST_SCALE, LEAST_SCALE);
      }
      this.reveal(index);
    }

    beside(index, direction) {
      const own = this.box(index);
      const distance = (other) => Math.abs(this.box(other).y - own.y);
      const joined = (direction > 0 ? this.needs : this.users)[index].map((arrow) => (direction > 0 ? arrow.target : arrow.source));
      const side = (list) => list.filter((other) => (this.box(other).x - own.x) * direction > 0);
      let choice = side(joined);
      if (!choice.length) {
        choice = side(this.nodes.map((_, other) => other));
        const nearest = Math.min(...choice.map((other) => Math.abs(this.box(other).x - own.x)));
        choice = choice.filter((other) => Math.abs(this.box(other).x - own.x) === nearest);
      }
      return choice.sort((one, other) => distance(one) - distance(other))[0];
    }

    above(index, direction) {
      const own = this.box(index);
      return this.nodes
        .map((_, other) => other)
        .filter((other) => this.box(other).x === own.x && (this.box(other).y - own.y) * direction > 0)
        .sort((one, other) => (this.box(one).y - this.box(other).y) * direction)[0];
    }

    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const index = this.current;
      const to = {
        ArrowRight: () => this.beside(index, 1),
        ArrowLeft: () => this.beside(index, -1),
        ArrowDown: () => this.above(index, 1),
        ArrowUp: () => this.above(index, -1),
        Home: () => 0,
        End: () => this.nodes.length - 1,
      }[event.key];
      const act = {
        Enter: () => this.select(index, false),
        " ": () => this.select(index, false),
        Escape: () => this.clear(),
        "+": () => this.zoomed("in"),
        "=": () => this.zoomed("in"),
        "-": () => this.zoomed("out"),
        0: () => this.zoomed("fit"),
      }[event.key];
      if (!to && !act) return;
      event.preventDefault();
      const next = to?.();
      if (next !== undefined) this.nodes[next].focus();
      act?.();
    }

    // Selecting
    select(index, reveal) {
      if (this.selected === index && !reveal) {
        this.clear();
        return;
      }
      this.unmark();
      this.selected = index;
      const { label } = this.wheel.nodes[index];
      this.svg.classList.add("busy");
      this.nodes[index].classList.add("selected", "near");
      this.nodes[index].setAttribute("aria-pressed", "true");
      this.rows[index]?.classList.add("chosen");
      for (const arrow of [...this.users[index], ...this.needs[index]]) {
        this.nodes[arrow.source].classList.add("near");
        this.nodes[arrow.target].classList.add("near");
        for (const line of arrow.lines) this.lines[line].classList.add("hot");
        if (!arrow.lines.length) this.addLine(arrow);
      }
      this.fill(index);
      this.status.textContent = `${label} selected: needed by ${this.users[index].length}, needs ${this.needs[index].length}.`;
      if (reveal) {
        this.svg.scrollIntoView({ block: "nearest" });
        this.nodes[index].focus({ preventScroll: true });
      }
      this.moved(index);
    }

    addLine(arrow) {
      const from = this.box(arrow.source);
      const to = this.box(arrow.target);
      const x = from.x + from.width;
      const y = from.y + from.height / 2;
      const endY = to.y + to.height / 2;
      const reach = Math.max(Math.abs(to.x - x) / 2, 40);
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", "extra");
      path.setAttribute("d", `M${x} ${y}C${x + reach} ${y} ${to.x - reach} ${endY} ${to.x} ${endY}`);
      this.svg.insertBefore(path, this.nodes[0]);
    }

    unmark() {
      this.svg.classList.remove("busy");
      for (const extra of this.svg.querySelectorAll(".extra")) extra.remove();
      for (const hot of this.svg.querySelectorAll(".hot")) hot.classList.remove("hot");
      for (const node of this.svg.querySelectorAll(".near")) {
        node.classList.remove("near", "selected");
        node.setAttribute("aria-pressed", "false");
      }
      for (const row of this.rows) row.classList.remove("chosen");
    }

    clear() {
      const inside = this.panel.contains(document.activeElement);
      this.unmark();
      this.panel.hidden = true;
      if (this.selected !== null) this.status.textContent = "Nothing is selected.";
      this.selected = null;
      if (inside) this.nodes[this.current].focus();
    }

    fill(index) {
      const { label, path, words, size, others } = this.wheel.nodes[index];
      const close = make("button", { type: "button", textContent: "Close" });
      close.addEventListener("click", () => this.clear());
      this.panel.replaceChildren(
        make("h4", { className: "name", textContent: label }),
        make("p", { textContent: size ? `${words}, ${size}` : words }),
        make("p", { className: "name muted", textContent: path }),
        ...this.list("Needed by", "Nobody.", this.users[index], (arrow) => arrow.source),
        ...this.list("Needs", "Nothing.", this.needs[index], (arrow) => arrow.target),
        ...(others.total ? [make("h5", { textContent: "Asked of no library by name" }), this.symbols(others)] : []),
        make("p", {}, close),
      );
      this.panel.hidden = false;
      this.panel.scrollTop = 0;
    }

    list(title, none, arrows, other) {
      const list = make("ul");
      for (const arrow of arrows) {
        const index = other(arrow);
        const button = make("button", { type: "button", className: "link", textContent: this.wheel.nodes[index].label });
        button.addEventListener("click", () => this.select(index, true));
        list.append(make("li", {}, button, arrow.symbols.total ? this.symbols(arrow.symbols) : ""));
      }
      return [make("h5", { textContent: `${title} (${arrows.length})` }), arrows.length ? list : make("p", { textContent: none })];
    }

    symbols({ names, total }) {
      const details = make("details", {}, make("summary", { textContent: counted(total, "symbol") }));
      details.addEventListener("toggle", () => {
        if (!details.open || details.querySelector("ul")) return;
        const list = make("ul", {}, ...names.map((name) => make("li", {}, make("code", { textContent: name }))));
        if (total > names.length) list.append(make("li", { textContent: `and ${total - names.length} more` }));
        details.append(list);
      });
      return details;
    }

    // Searching
    find() {
      const wanted = this.search.value.trim().toLowerCase();
      const fits = (node) => wanted !== "" && `${node.label}\n${node.path}`.toLowerCase().includes(wanted);
      this.matches = this.wheel.nodes.flatMap((node, index) => (fits(node) ? [index] : []));
      this.nodes.forEach((node, index) => node.classList.toggle("match", this.matches.includes(index)));
      this.rows.forEach((row, index) => (row.hidden = wanted !== "" && !this.matches.includes(index)));
      this.status.textContent = wanted === "" ? "" : `${this.matches.length} of ${this.nodes.length} match.`;
      if (this.matches.length) this.reveal(this.matches[0]);
    }

    searchKey(event) {
      if (event.key === "Escape") {
        this.search.value = "";
        this.find();
      } else if (event.key === "Enter" && this.matches?.length) {
        event.preventDefault();
        this.nodes[this.matches[0]].focus();
        if (this.selected !== this.matches[0]) this.select(this.matches[0], false);
      }
    }
  }

  for (const section of document.querySelectorAll("[data-wheel]")) {
    const wheel = data[Number(section.dataset.wheel)];
    if (wheel.nodes.length) new Graph(section, wheel);
  }
})();
