// Brings a report to life: charts drawn by Vega in place of their pictures, tables sorted and filtered.
// Without it the page holds the same: pictures, words, tables.

const NARROWEST_PANEL = 285;
const GAP = 34;
const PAPER = 690;

// Our charts are panels of one width; others, which a notebook may hold, keep the size that they were given.
function isPanelled(spec) {
  return typeof spec.spec?.width === "number" && Boolean(spec.facet && spec.config?.legend && spec.config?.header);
}

function entries(part) {
  if (part === null || typeof part !== "object") return [];
  const own = part.color?.scale?.domain;
  return Array.isArray(own) && part.color.legend !== null ? own : Object.values(part).map(entries).find((one) => one.length) ?? [];
}

// As many columns as the longest label allows, evenly filled.
function legendColumns(spec, width) {
  const labels = entries(spec.spec);
  const widest = Math.min(190, Math.max(8, ...labels.map((label) => label.length)) * 7.2) + 40;
  const rows = Math.ceil(labels.length / Math.max(1, Math.floor(width / widest)));
  return Math.max(1, Math.ceil(labels.length / Math.max(1, rows)));
}

function fitted(spec, width) {
  const columns = Math.max(1, Math.min(spec.columns ?? 1, Math.floor((width + GAP) / (NARROWEST_PANEL + GAP))));
  const copy = structuredClone(spec);
  if (!isPanelled(spec)) return copy;
  const panel = Math.floor((width - GAP * (columns - 1)) / columns);
  copy.columns = columns;
  copy.spec.width = Math.max(180, panel - 60);
  copy.config.legend.columns = legendColumns(spec, width);
  copy.config.header.labelLimit = panel - 20;
  return copy;
}

// Vega knows how wide axes are only after drawing: stretch the panels until the drawing fills its place.
async function stretch(chart, width = chart.canvas.clientWidth) {
  if (!isPanelled(chart.spec)) return;
  const name = chart.result.vgSpec.signals.map((signal) => signal.name).find((one) => one.endsWith("_width"));
  for (let round = 0; round < 3; round += 1) {
    const drawing = chart.canvas.querySelector("svg.marks");
    const panels = chart.canvas.querySelectorAll("svg.marks g.cell > g").length;
    const spare = width - drawing.width.baseVal.value;
    const share = Math.floor(spare / Math.max(1, Math.min(chart.columns, panels)));
    if (share === 0) return;
    chart.view.signal(name, Math.max(150, chart.view.signal(name) + share));
    await chart.view.resize().runAsync();
  }
}

function chosen(chart) {
  const bound = (chart.spec.params ?? []).filter((param) => param.bind && !param.select);
  return chart.view ? Object.fromEntries(bound.map((param) => [param.name, chart.view.signal(param.name)])) : {};
}

async function draw(chart) {
  const spec = fitted(chart.spec, chart.canvas.clientWidth);
  const keep = chosen(chart);
  for (const param of spec.params ?? []) if (param.name in keep) param.value = keep[param.name];
  const target = document.createElement("div");
  target.className = "live";
  chart.canvas.append(target);
  chart.controls.replaceChildren();
  delete spec.$schema; // whatever version it names, this page draws it with the one that it holds
  const result = await window.vegaEmbed(target, spec, {
    mode: "vega-lite",
    renderer: "svg", actions: false, ast: true, logLevel: 1, bind: chart.controls, tooltip: { theme: "light" },
  });
  chart.result?.finalize();
  for (const old of chart.canvas.querySelectorAll(".still, .live")) if (old !== target) old.remove();
  Object.assign(chart, { result, view: result.view, columns: spec.columns ?? 1 });
  chart.figure.dataset.state = "live";
  await stretch(chart);
}

function columnsFor(chart) {
  return fitted(chart.spec, chart.canvas.clientWidth).columns ?? 1;
}

function follow(chart) {
  let timer = 0;
  let width = chart.canvas.clientWidth;
  new ResizeObserver(() => {
    if (matchMedia("print").matches || chart.canvas.clientWidth === width) return;
    width = chart.canvas.clientWidth;
    clearTimeout(timer);
    timer = setTimeout(() => (columnsFor(chart) === chart.columns ? stretch(chart) : draw(chart)), 120);
  }).observe(chart.canvas);
}

// The reverse of packing.py: from columns, in which repeated texts stand once, to rows.
function unpack(spec) {
  const packed = spec.data?.packed;
  if (!packed) return spec;
  const columns = Object.entries(packed).map(([name, column]) => [
    name, Array.isArray(column) ? column : column.at.map((place) => (place === null ? null : column.of[place])),
  ]);
  const values = columns[0][1].map((_, row) => Object.fromEntries(columns.map(([name, column]) => [name, column[row]])));
  return { ...spec, data: { values } };
}

const drawn = [];

async function drawAll() {
  for (const figure of document.querySelectorAll("[data-chart]")) {
    const chart = {
      figure,
      canvas: figure.querySelector(".canvas"),
      controls: figure.querySelector(".controls"),
      spec: unpack(JSON.parse(figure.querySelector("script").textContent)),
    };
    await draw(chart);
    drawn.push(chart);
    follow(chart);
    await new Promise((done) => setTimeout(done));
  }
  document.documentElement.dataset.charts = "drawn";
}

function order(table, column, descending) {
  const value = (row) => {
    const cell = row.cells[column];
    const number = Number.parseFloat(cell.dataset.value);
    return { text: cell.textContent.trim(), number, missing: cell.dataset.value === undefined && cell.classList.contains("number") };
  };
  const compare = (a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x.missing !== y.missing) return x.missing ? 1 : -1;
    const both = !Number.isNaN(x.number) && !Number.isNaN(y.number);
    const difference = both ? x.number - y.number : x.text.localeCompare(y.text);
    return descending ? -difference : difference;
  };
  table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
}

function sortable(table) {
  for (const [column, head] of [...table.tHead.rows[0].cells].entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      order(table, column, descending);
    });
  }
}

function filterable(table) {
  const bar = document.createElement("div");
  bar.className = "controls";
  const selects = table.dataset.filters.split(" ").map(Number).map((column) => {
    const options = [...new Set([...table.tBodies[0].rows].map((row) => row.cells[column].textContent.trim()))];
    const select = document.createElement("select");
    select.append(...options.map((option) => new Option(option, option)));
    const label = document.createElement("label");
    const name = document.createElement("span");
    name.textContent = table.tHead.rows[0].cells[column].textContent;
    label.append(name, " ", select);
    if (options.length > 1) bar.append(label);
    return [column, select];
  });
  const show = () => {
    for (const row of table.tBodies[0].rows) {
      row.hidden = !selects.every(([column, select]) => row.cells[column].textContent.trim() === select.value);
    }
  };
  bar.addEventListener("change", show);
  table.parentElement.before(bar);
  show();
}

// Charts are redrawn at the width of paper, so that their labels keep the size of text. Vega does that in microtasks,
// which run before the browser lays out what it prints.
function printWhole() {
  let closed = [];
  addEventListener("beforeprint", () => {
    for (const chart of drawn) stretch(chart, PAPER);
    closed = [...document.querySelectorAll("details.more:not([open])")];
    for (const one of closed) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const chart of drawn) stretch(chart);
    for (const one of closed) one.open = false;
  });
}

for (const table of document.querySelectorAll("table[data-filters]")) filterable(table);
for (const table of document.querySelectorAll("table[data-sort]")) sortable(table);
printWhole();
drawAll();
