"use strict";
// All data is in the page; text is set as text, never as HTML.
const DATA = JSON.parse(document.getElementById("data").textContent);
const main = document.getElementById("main");
const searchBox = document.getElementById("search");
const assets = new Map(DATA.assets.map((one) => [one.key, one]));
const views = new Map(DATA.views.map((one) => [one.key, one]));
const features = DATA.views.flatMap((view) => view.features.map((one) => ({ ...one, of: view, key: `${view.key}.${one.name}` })));
const PAGES = [["", "Features"], ["entities", "Entities"], ["services", "Services"], ["assets", "Assets"], ["lineage", "Lineage"]];

function h(tag, attributes, ...children) {
  const svg = ["svg", "g", "rect", "path", "text", "title"].includes(tag);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((one) => one !== null && one !== undefined && one !== ""));
  return made;
}

const count = (value) => (value === null || value === undefined ? "" : Number(value).toLocaleString("en"));
// These have no data of their own.
const ASKED = ["services", "on_demand"];
const built = (one) => (ASKED.includes(kindOf(one.key)) ? "" : one.built_at ? age(one.built_at) : none("not built"));
const kindOf = (key) => key.split("/")[0];
const link = (key) => "#/asset/" + encodeURIComponent(key);
const featureLink = (key) => "#/feature/" + encodeURIComponent(key);
const dot = (kind) => h("span", { class: "kind", style: `background: var(--${kind}, var(--soft))` });
const none = (text) => h("span", { class: "none" }, text);

function number(value) {
  if (typeof value !== "number") return value === null || value === undefined ? "" : String(value);
  return Number.isInteger(value) ? count(value) : Number(value.toPrecision(5)).toLocaleString("en", { maximumSignificantDigits: 5 });
}

function age(at) {
  if (!at) return "";
  const seconds = Math.max(0, (Date.now() - new Date(at)) / 1000);
  for (const [unit, length] of [["days", 86400], ["hours", 3600], ["minutes", 60]]) {
    if (seconds >= 2 * length) return `${Math.floor(seconds / length)} ${unit} ago`;
  }
  return "just now";
}

function anchor(key) {
  if (assets.has(key)) return h("a", { href: link(key) }, dot(kindOf(key)), key);
  if (key.startsWith("services/")) return h("a", { href: "#/services" }, dot("services"), key);
  const asset = key.split(".")[0];
  if (features.some((one) => one.key === key)) return h("a", { href: featureLink(key) }, key);
  return assets.has(asset) ? h("a", { href: link(asset) }, key) : h("span", {}, key);
}

function table(headers, rows, empty = "nothing") {
  if (!rows.length) return h("p", {}, none(empty));
  const numeric = (n) => (headers[n].startsWith("#") ? "n" : null);
  return h("div", { class: "frame" }, h("table", {},
    h("thead", {}, h("tr", {}, headers.map((one, n) => h("th", { class: numeric(n) }, one.replace("#", ""))))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, n) => h("td", { class: numeric(n) }, cell)))))));
}

function facts(entries) {
  const shown = entries.filter(([, value]) => value && value.length !== 0);
  return h("dl", {}, shown.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

const tags = (found) => Object.entries(found || {}).map(([name, value]) => h("span", { class: "tag" }, value ? `${name}: ${value}` : name));
const marks = (feature) => (feature.sensitive.length ? h("span", { class: "tag warn", title: "Its values are not shown" }, "sensitive") : "");

function bars(heights, wide, high, title) {
  const most = Math.max(...heights);
  const one = wide / heights.length;
  return h("svg", { class: "spark", width: wide, height: high, role: "img" }, h("title", {}, title),
    heights.map((share, n) => h("rect", { x: n * one, y: high - Math.max(1, (share / most) * high), width: one - 1, height: Math.max(1, (share / most) * high) })));
}

function spark(known, wide = 120, high = 22) {
  // Few different numbers are counted one by one.
  const counted = (known.top || []).length === known.distinct && known.distinct > 1 && typeof known.least === "number";
  if (counted) {
    const found = known.top.map(([value, times]) => [Number(value), times]).sort((a, b) => a[0] - b[0]);
    return bars(found.map((pair) => pair[1]), wide, high, found.map(([value, times]) => `${value}: ${count(times)}`).join(", "));
  }
  const edges = [known.least, ...(known.quantiles || []), known.greatest].filter((one) => typeof one === "number");
  if (edges.length < 4 || edges[0] === edges[edges.length - 1]) return "";
  const shares = [0, ...DATA.shares, 1];
  const [low, top] = [edges[0], edges[edges.length - 1]];
  const bins = 24;
  const step = (top - low) / bins;
  // The share of rows below a value, by straight lines between the quantiles.
  const below = (value) => {
    for (let n = 1; n < edges.length; n++) {
      if (value <= edges[n]) {
        const width = edges[n] - edges[n - 1];
        return width ? shares[n - 1] + ((value - edges[n - 1]) / width) * (shares[n] - shares[n - 1]) : shares[n];
      }
    }
    return 1;
  };
  const heights = Array.from({ length: bins }, (_, n) => below(low + (n + 1) * step) - (n ? below(low + n * step) : 0));
  return bars(heights, wide, high, `${number(low)} to ${number(top)}`);
}

function nulls(known) {
  if (known.nulls === undefined || !known.rows) return "";
  return known.nulls ? `${((100 * known.nulls) / known.rows).toFixed(1)}%` : "0";
}

function featureRows(found) {
  return found.map((one) => [
    h("span", {}, h("a", { href: featureLink(one.key) }, one.name), " ", marks(one)),
    h("a", { href: link(one.of.key) }, one.of.key.replace("features/", "")), h("span", { class: "type" }, one.type), one.entities.join(", "),
    one.definition, one.owners.join(", "), spark(one.statistics), nulls(one.statistics), count(one.consumers.length)]);
}

function matches(feature, words) {
  const text = [feature.key, feature.type, feature.definition, feature.description, ...feature.entities, ...feature.owners, ...feature.consumers,
    ...Object.entries(feature.tags).map((pair) => pair.join(":"))].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

function home() {
  const words = searchBox.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = features.filter((one) => matches(one, words));
  const built = DATA.assets.map((one) => one.built_at).filter(Boolean).sort().pop();
  const numbers = [["features", features.length], ["views", DATA.views.length], ["entities", DATA.entities.length], ["services", DATA.services.length], ["assets", DATA.assets.length]];
  return [
    h("h1", {}, DATA.project),
    h("p", { class: "lead" }, `Environment ${DATA.environment}${built ? `, last built ${age(built)}` : ", not built yet"}.`),
    h("div", { class: "numbers" }, numbers.map(([name, value]) => h("div", { class: "number" }, h("b", {}, count(value)), name))),
    h("h2", {}, words.length ? `${found.length} of ${features.length} features` : "Features"),
    table(["feature", "view", "type", "entity", "definition", "owners", "values", "#nulls", "#readers"], featureRows(found), "No feature has these words in it."),
  ];
}

function entities() {
  return [h("h1", {}, "Entities"), h("p", { class: "lead" }, "The things that features describe, and the columns that say which one is meant."),
    table(["entity", "keys", "views", "description", "owners", "tags"], DATA.entities.map((one) => [one.name, h("code", {}, one.keys.join(", ")),
      one.views.map((key) => h("div", {}, anchor(key))), one.description, one.owners.join(", "), tags(one.tags)]), "No view has an entity.")];
}

function services() {
  const list = (keys) => keys.map((key) => h("div", {}, anchor(key)));
  return [h("h1", {}, "Services"), h("p", { class: "lead" }, "Named, versioned sets of features that models ask for."),
    table(["service", "#version", "views", "features", "description", "owners"], DATA.services.map((one) => [h("a", { href: link(`services/${one.name}`) }, one.name), count(one.version), list(one.views),
      one.features.join(", ") || none("as the views have them"), one.description, one.owners.join(", ")]), "This project declares no feature service.")];
}

function allAssets() {
  return [h("h1", {}, "Assets"), table(["asset", "#rows", "#columns", "built", "owners", "tags", "description"], DATA.assets.map((one) => [
    anchor(one.key), count(one.rows), count(one.columns.length || null), built(one), one.owners.join(", "), tags(one.tags), one.description.split("\n")[0]]))];
}

function assetPage(key) {
  const one = assets.get(key);
  if (!one) return missing(key);
  const view = views.get(key);
  const near = new Set([key, ...reach(key, "inputs"), ...reach(key, "readers")]);
  const version = ASKED.includes(kindOf(key)) ? "" : one.version ? `${one.version.slice(0, 8)}, built ${age(one.built_at)} in ${number(one.seconds)} s` : none("not built yet");
  return [
    h("p", { class: "above" }, dot(kindOf(key)), kindOf(key)), h("h1", {}, key.split("/").slice(1).join("/")), h("p", { class: "lead" }, one.description),
    facts([["version", version], ["rows", count(one.rows)],
      ...(view ? [["entity", view.entities.length ? `${view.entities.join(", ")} (${view.keys.join(", ")})` : ""], ["event time", view.timestamp], ["newest", view.newest],
        ["valid for", view.ttl], ["contract", view.contract ? `version ${view.contract}` : ""], ["online", view.online ? "yes" : ""]] : []),
      ["owners", one.owners.join(", ")], ["tags", tags(one.tags)], ["from", one.origin]]),
    ...(view ? [h("h2", {}, "Features"), table(["feature", "view", "type", "entity", "definition", "owners", "values", "#nulls", "#readers"],
      featureRows(features.filter((each) => each.of.key === key)), "Its features are known once it is built.")] : []),
    h("h2", {}, "Lineage"), graph([...near], key),
    ...(ASKED.includes(kindOf(key)) ? [] : [h("h2", {}, "Columns"), table(["column", "type", "comes from"], one.columns.map((each) => [each.name, h("span", { class: "type" }, each.type),
      each.from.map((origin) => h("div", {}, anchor(origin)))]), "Its columns are known once it is built.")]),
    ...(one.sql ? [h("h2", {}, "SQL"), h("pre", {}, one.sql)] : []),
    ...(one.sample ? [h("h2", {}, "First rows"), table(one.sample.columns, one.sample.rows.map((row) => row.map((value) => (value === null ? none("null") : String(value)))))] : []),
  ];
}

function featurePage(key) {
  const one = features.find((each) => each.key === key);
  if (!one) return missing(key);
  const known = one.statistics;
  const top = known.top || [];
  const most = Math.max(1, ...top.map((pair) => pair[1]));
  const sampled = known.looked_at < known.rows ? `, figures of ${count(known.looked_at)} of them` : "";
  const wanted = ["least", "greatest", "mean", "deviation"].filter((name) => known[name] !== undefined);
  const median = (known.quantiles || [])[DATA.shares.indexOf(0.5)];
  return [
    h("p", { class: "above" }, "feature of ", anchor(one.of.key)), h("h1", {}, one.name, " ", marks(one)), h("p", { class: "lead" }, one.description),
    facts([["is", one.definition], ["type", h("span", { class: "type" }, one.type)], ["entity", one.entities.join(", ")], ["owners", one.owners.join(", ")], ["tags", tags(one.tags)],
      ["sensitive", one.sensitive.length ? `as it comes from ${one.sensitive.join(", ")}; its values are not shown` : ""],
      ["freshness", one.of.built_at ? `built ${age(one.of.built_at)}${one.of.newest ? `, newest event ${one.of.newest}` : ""}` : kindOf(one.key) === "on_demand" ? "computed when somebody asks" : "not built yet"]]),
    ...(kindOf(one.key) === "on_demand" ? [] : [h("h2", {}, "Statistics")]),
    kindOf(one.key) === "on_demand" ? "" : known.rows === undefined ? h("p", {}, none("known once it is built")) : facts([["rows", `${count(known.rows)}${sampled}`], ["nulls", nulls(known)], ["distinct", number(known.distinct)],
      ...wanted.map((name) => [name, number(known[name])]), ["median", median === undefined ? "" : number(median)], ["not finite", known.not_finite ? count(known.not_finite) : ""]]),
    spark(known, 480, 90),
    top.length ? h("div", { class: "bars" }, top.flatMap(([value, times]) => [h("span", {}, String(value)), h("i", { style: `width: ${(100 * times) / most}%` }), h("span", {}, count(times))])) : "",
    h("h2", {}, "Read by"), one.consumers.length ? h("div", {}, one.consumers.map((each) => h("div", {}, anchor(each)))) : h("p", {}, none("nothing")),
    h("h2", {}, "Lineage"), graph([...new Set([one.of.key, ...reach(one.of.key, "inputs"), ...one.consumers.filter((each) => assets.has(each))])], one.of.key),
  ];
}

function missing(key) {
  return [h("h1", {}, "Nothing is called ", h("code", {}, key)), h("p", {}, h("a", { href: "#/" }, "All features"))];
}

function reach(key, direction) {
  const found = new Set();
  const waiting = [key];
  while (waiting.length) {
    for (const one of (assets.get(waiting.pop()) || { inputs: [], readers: [] })[direction]) {
      if (!found.has(one)) { found.add(one); waiting.push(one); }
    }
  }
  return found;
}

function layout(keys) {
  const inside = new Set(keys);
  const depth = new Map();
  const deep = (key) => {
    if (!depth.has(key)) {
      depth.set(key, 0);
      depth.set(key, Math.max(-1, ...assets.get(key).inputs.filter((one) => inside.has(one)).map(deep)) + 1);
    }
    return depth.get(key);
  };
  // DATA.assets comes upstream first, so that the recursion stays shallow.
  const ordered = DATA.assets.map((one) => one.key).filter((key) => inside.has(key));
  ordered.forEach(deep);
  const layers = [];
  ordered.forEach((key) => (layers[depth.get(key)] ||= []).push(key));
  const place = new Map();
  const settle = (layer) => layer.forEach((key, n) => place.set(key, n - layer.length / 2));
  layers.forEach(settle);
  for (let sweep = 0; sweep < 6; sweep++) {
    const side = sweep % 2 ? "readers" : "inputs";
    (sweep % 2 ? [...layers].reverse() : layers).forEach((layer) => {
      const middle = new Map(layer.map((key) => {
        const near = assets.get(key)[side].filter((one) => inside.has(one)).map((one) => place.get(one));
        return [key, near.length ? near.reduce((a, b) => a + b, 0) / near.length : place.get(key)];
      }));
      layer.sort((a, b) => middle.get(a) - middle.get(b));
      settle(layer);
    });
  }
  return { layers, inside };
}

function graph(keys, self) {
  const known = keys.filter((key) => assets.has(key));
  const { layers, inside } = layout(known);
  const [wide, high, across, down] = [166, 30, 46, 14];
  const tallest = Math.max(1, ...layers.map((layer) => layer.length));
  const height = tallest * (high + down) + down;
  const at = new Map();
  layers.forEach((layer, x) => layer.forEach((key, y) => at.set(key, { x: 16 + x * (wide + across), y: height / 2 + (y - layer.length / 2) * (high + down) + down / 2 })));
  const frame = h("div", { class: "graph" });
  const edges = known.flatMap((key) => assets.get(key).inputs.filter((one) => inside.has(one)).map((one) => [one, key])).map(([from, to]) => {
    const [a, b] = [at.get(from), at.get(to)];
    const [x1, y1, x2, y2] = [a.x + wide, a.y + high / 2, b.x, b.y + high / 2];
    const bend = Math.max(24, (x2 - x1) / 2);
    return { from, to, path: h("path", { class: "edge", d: `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}` }) };
  });
  const nodes = known.map((key) => {
    const spot = at.get(key);
    const name = key.split("/").slice(1).join("/");
    const node = h("g", { class: key === self ? "node self" : "node", tabindex: 0, role: "link", transform: `translate(${spot.x},${spot.y})`,
      onclick: () => { location.hash = link(key); }, onkeydown: (event) => { if (event.key === "Enter") location.hash = link(key); },
      onmouseenter: () => light(key), onmouseleave: () => light(null) },
      h("title", {}, key), h("rect", { class: "box", width: wide, height: high, rx: 6, style: `stroke: var(--${kindOf(key)}, var(--soft))` }),
      h("rect", { width: 5, height: high, rx: 2, style: `fill: var(--${kindOf(key)}, var(--soft))` }),
      h("text", { x: 14, y: 20 }, name.length > 21 ? name.slice(0, 20) + "…" : name));
    return { key, node };
  });
  function light(key) {
    const on = key === null ? new Set() : new Set([key, ...reach(key, "inputs"), ...reach(key, "readers")]);
    frame.classList.toggle("lit", key !== null);
    nodes.forEach((one) => one.node.classList.toggle("on", on.has(one.key)));
    edges.forEach((one) => one.path.classList.toggle("on", on.has(one.from) && on.has(one.to)));
  }
  const width = 32 + layers.length * (wide + across) - across;
  // A wide graph is shrunk a little to fit, and beyond that scrolled.
  frame.append(h("svg", { viewBox: `0 0 ${width} ${height}`, style: `width: 100%; min-width: ${Math.round(width * 0.68)}px; max-width: ${width}px` }, edges.map((one) => one.path), nodes.map((one) => one.node)));
  const kinds = [...new Set(known.map(kindOf))];
  return h("div", {}, frame, h("div", { class: "legend" }, kinds.map((kind) => h("span", {}, dot(kind), kind.replace("_", " ")))));
}

function show() {
  const [, page = "", ...rest] = location.hash.split("/");
  const key = decodeURIComponent(rest.join("/"));
  const pages = { "": home, entities, services, assets: allAssets, lineage: () => [h("h1", {}, "Lineage"), graph(DATA.assets.map((one) => one.key))],
    asset: () => assetPage(key), feature: () => featurePage(key) };
  main.replaceChildren(...(pages[page] || (() => missing(page)))().filter((one) => one !== ""));
  document.querySelector("nav").replaceChildren(...PAGES.map(([name, title]) => h("a", { href: `#/${name}`, class: name === page ? "here" : null }, title)));
  window.scrollTo(0, 0);
}

document.querySelector(".brand").textContent = DATA.project;
document.querySelector("footer").textContent = `Written by headrace ${DATA.headrace} at ${DATA.written_at.replace("T", " ").slice(0, 16)} UTC. Nothing on this page is loaded from a network.`;
window.addEventListener("hashchange", show);
searchBox.addEventListener("input", () => { if (location.hash.length > 2) location.hash = "#/"; else show(); });
document.addEventListener("keydown", (event) => { if (event.key === "/" && document.activeElement !== searchBox) { event.preventDefault(); searchBox.focus(); } });
show();
