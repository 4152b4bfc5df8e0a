"use strict";
(() => {
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const data = JSON.parse($("#data").textContent);
  const words = data.words, last = data.steps.length - 1;
  const make = (tag, name, text) => {
    const node = document.createElement(tag);
    if (name) node.className = name;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  // The index of the last item that begins at or before a step; -1 where there is none.
  const until = (items, step) => {
    let low = 0, high = items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (items[middle][0] <= step) low = middle + 1; else high = middle;
    }
    return low - 1;
  };
  const badge = (who, small = "tiny") => {
    const shown = $$(".cast .badge")[who];
    return shown ? Object.assign(shown.cloneNode(true), { className: `${shown.className} ${small}` }) : make("span", `badge ${small}`, "·");
  };

  let viewer = -1, episode = 0, positions = [], position = 0, view = { from: 0, step: 0, place: 0 };

  // ── conversation ──
  const blocks = $$(".chunk").map((node) => {
    const pieces = $$(".piece", node).map((piece) => ({ node: piece, step: +piece.dataset.step }));
    return { node, pieces, first: pieces[0].step, last: pieces[pieces.length - 1].step, state: 0 };
  });
  const turns = [];
  for (const { pieces } of blocks) for (const { node, step } of pieces) {
    if (node.classList.contains("turn")) turns[step] ??= node;
  }
  const seen = (node) => (!episode || +node.dataset.episode === episode) && sees(node);
  const sees = (node) => viewer < 0 || node.dataset.seen === undefined || node.dataset.seen.split(" ").includes(String(viewer));
  let lit = null;
  const showConversation = ({ step, place }, scrolls) => {
    for (const block of blocks) {
      // 0: all has been; 1: all is yet to come; 2: the border runs through it.
      const state = block.last <= step ? 0 : block.first > step ? 1 : 2;
      if (state !== block.state || state === 2) {
        block.node.classList.toggle("later", state === 1);
        if (state === 2 || block.state === 2) {
          for (const piece of block.pieces) piece.node.classList.toggle("later", state === 2 && piece.step > step);
        }
        block.state = state;
      }
    }
    lit?.classList.remove("now");
    lit = turns[place] || null;
    lit?.classList.add("now");
    if (scrolls) (lit || $("#transcript")).scrollIntoView({ block: lit ? "center" : "start" });
  };

  // ── map ──
  const svg = $(".mapbox svg"), box = $(".mapbox"), counts = new Map();
  const nodes = new Map($$(".mapbox .node").map((node) => [node.dataset.state, node]));
  const edges = new Map($$(".mapbox .edge").map((edge) => [`${edge.dataset.from}>${edge.dataset.to}`, edge]));
  let isWhole = false, here = null;
  const count = (key, x, y) => {
    const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
    text.setAttribute("class", "count");
    text.setAttribute("x", x);
    text.setAttribute("y", y);
    svg.append(text);
    counts.set(key, text);
  };
  const spot = (edge) => {
    // Beside the line, a little before its head; nearer to its middle where something stands there already.
    const taken = [...svg.querySelectorAll("text, .node rect")].map((each) => each.getBBox());
    const long = edge.getTotalLength(), found = [];
    for (const back of [34, 52, 70, 26, 90, 110, 140]) {
      if (back > long) continue;
      const at = edge.getPointAtLength(long - back), ahead = edge.getPointAtLength(long - back + 1);
      const away = (ahead.x - at.x) * (ahead.y - at.y) >= 0 ? 15 : -15;
      for (const side of [away, -away]) {
        found.push([at.x + side * (ahead.y - at.y), at.y - side * (ahead.x - at.x) + 4]);
      }
    }
    const isFree = ([x, y]) => taken.every((box) =>
      x + 13 < box.x || x - 13 > box.x + box.width || y + 4 < box.y || y - 13 > box.y + box.height);
    return found.find(isFree) || found[0] || [edge.getPointAtLength(long / 2).x, edge.getPointAtLength(long / 2).y];
  };
  const follow = () => {
    if (!svg || !box.clientWidth) return;
    const { width, height } = svg.viewBox.baseVal, fits = box.clientWidth / width;
    box.classList.toggle("whole", isWhole);
    const scale = isWhole ? Math.min(1, fits) : Math.min(1, Math.max(fits, 0.85));
    svg.setAttribute("width", width * scale);
    svg.setAttribute("height", height * scale);
    $("#zoom").hidden = fits >= 0.85 && height * fits <= box.clientHeight + 2;
    $("#zoom").textContent = isWhole ? words.close_map : words.whole_map;
    if (!here || isWhole) return;
    const at = here.getBBox();
    box.scrollLeft = (at.x + at.width / 2 - svg.viewBox.baseVal.x) * scale - box.clientWidth / 2;
    box.scrollTop = (at.y + at.height / 2 - svg.viewBox.baseVal.y) * scale - box.clientHeight / 2;
  };
  const showMap = ({ step, place }) => {
    if (!svg) return;
    const taken = new Map(), been = new Set(), whose = data.steps[place][3];
    let now = "";
    for (const [at, from, to, of] of data.moves) {
      if (at > step) break;
      if (of !== whose) continue;
      if (from === "") { taken.clear(); been.clear(); } else {
        const key = `${from}>${to}`;
        taken.set(key, (taken.get(key) || 0) + 1);
      }
      been.add(to);
      now = to;
    }
    for (const [name, node] of nodes) {
      node.classList.toggle("been", been.has(name));
      node.classList.toggle("now", name === now);
    }
    for (const [key, edge] of edges) {
      const times = taken.get(key) || 0;
      edge.classList.toggle("taken", times > 0);
      if (times && !counts.has(key)) {
        const [x, y] = spot(edge);
        count(key, x, y);
      }
      if (counts.has(key)) counts.get(key).textContent = times ? `${times}×` : "";
    }
    here = nodes.get(now) || null;
    $("#map .place").textContent = here ? here.querySelector("text").textContent : "";
    follow();
  };

  // ── facts ──
  const rows = data.facts.map((fact) => ({ ...fact, value: make("span", "value", ""), shown: null, row: null, cell: null }));
  const groups = [];
  for (const fact of rows) {
    const open = groups[groups.length - 1];
    if (fact.o >= 0 && open && open.label === fact.n && open.isMany) open.facts.push(fact);
    else groups.push({ label: fact.n, isMany: fact.o >= 0, facts: [fact] });
  }
  for (const group of groups) {
    group.node = make("div", group.isMany ? "fact many" : "fact");
    group.node.append(make("span", "", group.label));
    const into = group.isMany ? group.node.appendChild(make("div")) : group.node;
    for (const fact of group.facts) {
      fact.cell = into.appendChild(group.isMany ? make("span", "own") : make("span"));
      if (group.isMany) { fact.cell.title = data.names[fact.o]; fact.cell.append(badge(fact.o)); }
      fact.cell.append(fact.value);
      fact.row = group.isMany ? fact.cell : group.node;
    }
    $("#facts .list").append(group.node);
  }
  const none = $("#facts .list").appendChild(make("p", "small", words.no_facts));
  const showFacts = ({ from, step }) => {
    for (const fact of rows) {
      const known = until(fact.k, step), at = until(fact.c, step);
      const list = known < 0 ? [] : fact.k[known][1];
      const isKnown = viewer < 0 || list === null || list.includes(viewer);
      const text = at < 0 || !isKnown ? null : fact.c[at][1];
      if (text !== fact.shown) { fact.value.textContent = text ?? ""; fact.shown = text; }
      fact.row.hidden = text === null;
      fact.row.classList.toggle("changed", text !== null && at > 0 && fact.c[at][0] >= from && from > 0 && data.steps[from - 1][3] === data.steps[from][3]);
    }
    for (const group of groups) {
      if (group.isMany) group.node.hidden = group.facts.every((fact) => fact.row.hidden);
      group.node.classList.toggle("first", group.facts.some((fact) => fact.row.classList.contains("changed")));
    }
    none.hidden = groups.some((group) => !group.node.hidden);
  };

  // ── sums ──
  const sums = [], whole = [], keys = data.calls ? data.calls.keys : [];
  const line = (who, name, isTotal) => {
    const node = make("div", isTotal ? "sum total" : "sum"), graph = make("span", "bargraph"), fill = make("i");
    const amount = make("span", "num"), tokens = make("span"), money = make("small");
    graph.append(fill);
    amount.append(tokens, money);
    node.append(isTotal ? make("span") : badge(who), make("span", "", name), isTotal ? make("span") : graph, amount);
    if (who >= 0) fill.classList.add(`c${data.colours[who]}`);
    $("#sums .list").append(node);
    return { track: [], fill, tokens, money };
  };
  if (data.calls && data.calls.rows.length) {
    keys.forEach((who) => sums.push(line(who, who < 0 ? words.selector : data.names[who], false)));
    const total = line(-1, words.total, true);
    let all = 0, spent = 0;
    for (const [step, key, tokens, cost, own, every] of [...data.calls.rows].sort((a, b) => a[0] - b[0])) {
      const track = sums[key].track, before = track[track.length - 1];
      track.push([step, (before ? before[1] : 0) + tokens, own, (before ? before[3] : 0) + cost]);
      whole.push([step, (all += tokens), every, (spent += cost)]);
    }
    total.track = whole;
    sums.total = total;
  } else if (data.calls) {
    $("#sums .list").append(make("p", "small", words.no_sums));
    $("#tokens").hidden = true;
  }
  const number = new Intl.NumberFormat(document.documentElement.lang.startsWith("zh") ? "zh-CN" : "en");
  const showSums = ({ step }) => {
    if (!sums.total) return;
    const most = Math.max(1, ...sums.map((sum) => sum.track[sum.track.length - 1][1]));
    for (const sum of [...sums, sums.total]) {
      const at = until(sum.track, step), [, tokens, money] = at < 0 ? [0, 0, "0"] : sum.track[at];
      sum.tokens.textContent = `${number.format(tokens)} ${words.tokens}`;
      sum.money.textContent = money;
      sum.fill.style.width = `${(100 * tokens) / most}%`;
    }
    plots.forEach(point);
  };
  // The line at the present step; a chart is drawn some time after it is made, and has no scale before.
  const point = (chart) => {
    const mark = $(".mark", chart.over) || chart.over.appendChild(make("div", "mark"));
    mark.style.left = `${chart.valToPos(chart.isOfTime ? data.steps[view.place][4] : view.step, "x")}px`;
  };
  const plots = [];
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const draw = (id, column, unit) => {
    const holder = $(id);
    if (!holder || holder.hidden || !holder.clientWidth) return;
    const x = data.steps.map((_, step) => step), ink = colour("--soft"), grid = colour("--line");
    const columns = sums.map(({ track }) => x.map((step) => { const at = until(track, step); return at < 0 ? 0 : track[at][column]; }));
    const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const chart = new uPlot({
      width: holder.clientWidth, height: 160, legend: { show: false }, cursor: { y: false, points: { show: false }, drag: { x: false } },
      scales: { x: { time: false, range: [0, Math.max(1, last)] }, y: { range: (_, low, high) => [0, high * 1.05 || 1] } },
      axes: [{ ...axis, size: 30, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] }, { ...axis, size: 58, values: (_, ticks) => ticks.map((tick) => `${new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 }).format(tick)}${unit}`) }],
      hooks: { draw: [(drawn) => { point(drawn); }] },
      series: [{}, ...keys.map((who) => ({ stroke: colour(who < 0 ? "--ink" : `--c${data.colours[who]}`), width: 1.8, points: { show: false } }))],
    }, [x, ...columns], holder);
    chart.over.addEventListener("click", (event) => go(nearest(Math.round(chart.posToVal(event.offsetX, "x"))), true));
    plots.push(chart);
  };
  const drawAll = () => {
    for (const chart of plots.splice(0)) chart.destroy();
    if (!sums.total) return;
    draw("#tokens", 1, "");
    if (whole[whole.length - 1][3] > 0 && data.calls.currency) {
      $("#cost").hidden = false;
      draw("#cost", 3, "");
    }
    showSums(view);
  };

  // ── queues ──
  const waits = [];
  const drawQueues = () => {
    for (const chart of waits.splice(0)) chart.destroy();
    const holder = $("#waiting");
    if (!holder || !holder.clientWidth) return;
    const { names, rows } = data.queues, ink = colour("--soft"), grid = colour("--line");
    const x = [], columns = names.map(() => []), now = names.map(() => 0);
    for (const [minute, which, waiting] of rows) {
      now[which] = waiting;
      if (x[x.length - 1] === minute) columns.forEach((column, i) => { column[column.length - 1] = now[i]; });
      else { x.push(minute); columns.forEach((column, i) => column.push(now[i])); }
    }
    const list = $("#queues .list");
    list.replaceChildren(...names.map((name, i) => { const node = make("span", `legend t${i % 12}`, name); return node; }));
    const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const stepped = uPlot.paths.stepped({ align: 1 });
    const chart = new uPlot({
      width: holder.clientWidth, height: 160, legend: { show: false }, cursor: { y: false, points: { show: false }, drag: { x: false } },
      scales: { x: { time: false }, y: { range: (_, low, high) => [0, Math.max(1, high)] } },
      axes: [{ ...axis, size: 30 }, { ...axis, size: 40, incrs: [1, 2, 5, 10, 20, 50, 100, 1000] }],
      hooks: { draw: [(drawn) => { point(drawn); }] },
      series: [{}, ...names.map((_, i) => ({ stroke: colour(`--c${i % 12}`), width: 1.8, points: { show: false }, paths: stepped }))],
    }, [x, ...columns], holder);
    chart.isOfTime = true;
    point(chart);
    chart.over.addEventListener("click", (event) => {
      const minute = chart.posToVal(event.offsetX, "x");
      go(nearest(Math.max(0, data.steps.findLastIndex((step) => step[4] <= minute))), true);
    });
    waits.push(chart);
  };

  // ── episodes over time ──
  const gantt = $("#gantt .bars"), moment = $("#moment");
  const showMoment = ([, , , of, minutes]) => {
    if (!gantt) return;
    const at = `${Math.min(100, (100 * minutes) / gantt.dataset.minutes)}%`;
    moment.setAttribute("x1", at);
    moment.setAttribute("x2", at);
    for (const row of $$("g", gantt)) row.classList.toggle("now", +row.dataset.episode === of);
  };
  gantt?.addEventListener("click", (event) => {
    const row = event.target.closest("g"), choice = $("#episode");
    if (!row || !choice) return;
    choice.value = row.dataset.episode;
    choice.dispatchEvent(new Event("change"));
  });

  // ── the slider ──
  const slider = $("#slider"), where = $("#where");
  const nearest = (step) => Math.max(0, until(positions.map((at) => [at]), step));
  const named = (place, who) => (turns[place] ? $(".by b", turns[place]).textContent : data.names[who]);
  const go = (to, scrolls) => {
    position = Math.min(Math.max(0, to), positions.length - 1);
    const place = positions[position], next = positions[position + 1] ?? last + 1;
    let step = next - 1;
    while (step > place && data.steps[step][3] !== data.steps[place][3]) step--;
    view = { from: place, place, step };
    slider.value = position;
    const [time, state, who, of] = data.steps[place], number = $("#episode") ? `#${of} · ` : "";
    where.textContent = `${position} ${words.of} ${positions.length - 1} · ${time} · ${number}${who < 0 ? (position ? state : words.start) : named(place, who)}`;
    slider.setAttribute("aria-valuetext", where.textContent);
    showConversation(view, scrolls && document.body.dataset.tab === "transcript");
    showMap(view);
    showFacts(view);
    showSums(view);
    waits.forEach(point);
    showMoment(data.steps[place]);
  };
  const look = (as, scrolls) => {
    const place = positions[position];
    viewer = as;
    document.body.classList.toggle("viewed", as >= 0);
    for (const { pieces } of blocks) for (const { node } of pieces) {
      node.hidden = !seen(node);
      if (node.dataset.who !== undefined) node.classList.toggle("foreign", as >= 0 && +node.dataset.who !== as);
    }
    for (const panel of [$("#map"), $("#sums"), $("#queues"), $("#stats")]) if (panel) panel.hidden = as >= 0;
    for (const tab of $$('.tabs [data-tab="map"], .tabs [data-tab="sums"], .tabs [data-tab="stats"]')) tab.hidden = as >= 0;
    const note = $("#hiding");
    note.hidden = as < 0;
    if (as >= 0) note.textContent = words.hiding.replace("{role}", $("#as").selectedOptions[0].dataset.id);
    if (as >= 0 && ["map", "sums", "stats"].includes(document.body.dataset.tab)) open("transcript");
    positions = data.steps.map((_, step) => step).filter((step) => (!episode || data.steps[step][3] === episode) && (!turns[step] || !turns[step].hidden));
    slider.max = positions.length - 1;
    go(place === undefined ? positions.length - 1 : nearest(place), scrolls);
    if (as < 0) { drawAll(); drawQueues(); }
  };
  const open = (tab) => {
    document.body.dataset.tab = tab;
    for (const button of $$(".tabs button")) button.setAttribute("aria-pressed", button.dataset.tab === tab);
    if (tab === "sums") drawAll();
    if (tab === "map") { follow(); drawQueues(); }
    if (tab === "transcript") lit?.scrollIntoView({ block: "center" });
    else $(tab === "stats" ? ".tabs" : "main").scrollIntoView();
  };

  slider.addEventListener("input", () => go(+slider.value, true));
  $("#back").addEventListener("click", () => go(position - 1, true));
  $("#on").addEventListener("click", () => go(position + 1, true));
  $("#as")?.addEventListener("change", (event) => look(+event.target.value, true));
  $("#episode")?.addEventListener("change", (event) => { episode = +event.target.value; look(viewer, true); });
  $("#zoom")?.addEventListener("click", () => { isWhole = !isWhole; follow(); });
  for (const button of $$(".tabs button")) button.addEventListener("click", () => open(button.dataset.tab));
  $("#transcript").addEventListener("click", (event) => {
    const turn = event.target.closest(".turn");
    if (turn && String(getSelection()) === "") go(nearest(+turn.dataset.step), false);
  });
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("select, input")) return;
    const to = { ArrowLeft: position - 1, ArrowRight: position + 1, Home: 0, End: positions.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    go(to, true);
  });
  let waiting = 0;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(() => { follow(); drawAll(); drawQueues(); }, 120); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { drawAll(); drawQueues(); });

  const print = (isPrinting) => () => {
    document.documentElement.classList.toggle("printing", isPrinting);
    drawAll();
    drawQueues();
  };
  addEventListener("beforeprint", print(true));
  addEventListener("afterprint", print(false));

  document.body.classList.add("scripted");
  $(".bar").hidden = false;
  look(-1, false);
})();
