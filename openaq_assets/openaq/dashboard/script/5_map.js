// The map: the country, and a separate panel for each area with many stations.
const HOME = [101.7, 8.0, 110.0, 23.7];
const LAND = ["land", "focus"].flatMap((kind) => OUTLINE[kind].map((ring) => ({
  type: "Feature", home: kind === "focus", geometry: { type: "Polygon", coordinates: [ringOf(ring)] } })));
function ringOf(flat) {
  const points = flat.flatMap((x, i) => (i % 2 ? [] : [[x, flat[i + 1]]]));
  return [...points, points[0]];
}
const placed = ({ longitude, latitude }) => Number.isFinite(longitude) && Number.isFinite(latitude);
const inside = ([west, south, east, north]) => ({ longitude: x, latitude: y }) => x >= west && x <= east && y >= south && y <= north;
/** Return the box around stations with a margin, at least `least` degrees to each side of the middle. */
function boxAround(stations, least) {
  const [xs, ys] = [stations.map((station) => station.longitude), stations.map((station) => station.latitude)];
  const [x, y] = [xs, ys].map((values) => (Math.min(...values) + Math.max(...values)) / 2);
  const half = Math.max(least, ...[xs, ys].map((values) => Math.max(...values) - Math.min(...values))) * 0.66;
  return [x - half, Math.max(-80, y - half), x + half, Math.min(80, y + half)];
}
/** Return the two small areas with the most stations. */
function crowded(stations) {
  const groups = [...groupBy(stations, (station) => station.city)];
  const small = ([, group]) => { const [, south, , north] = boxAround(group, 0); return group.length > 2 && north - south < 1.5; };
  return groups.filter(small).sort((a, b) => b[1].length - a[1].length).slice(0, 2);
}
function stationRow(station, small, labelled) {
  const words = station.live ? `${indexName()} ${station.index} · ${wordOf(station.index)}` : reasonOf(station);
  return { id: station.location_id, longitude: station.longitude, latitude: station.latitude, city: station.city, small, numbered: station.live && !small,
    label: labelled ? short(String(station.location), 22) : "", number: station.live ? String(station.index) : "", colour: station.live ? colourOf(station.index) : "var(--card)", ink: station.live ? inkOf(station.index) : null,
    tip: () => [isolate(station.location), isolate(cityName(station.city)), words, t("ageOld", { age: age(station.age_minutes) })].join("\n") };
}
const mercator = (latitude) => Math.log(Math.tan(Math.PI / 4 + latitude * Math.PI / 360)) * 180 / Math.PI;
function scalebar([west, south, east, north], width, height) {
  const perDegree = Math.min(width / (east - west), height / (mercator(north) - mercator(south)));
  const kilometre = perDegree / (111.2 * Math.cos((south + north) / 2 * Math.PI / 180));
  const bar = [500, 200, 100, 50, 20, 10, 5, 2, 1].find((length) => length * kilometre < 70) ?? 1;
  return [{ pixels: bar * kilometre, label: `${bar} km` }];
}
function panel(id, label, box, stations, frames = []) {
  const node = byId(id), width = node.clientWidth, height = node.clientHeight;
  return draw(id, label, { land: LAND, stations, scalebar: scalebar(box, width, height), frames }, { width, height, box, radius: Math.min(width, height) > 280 ? 13 : 11.5 });
}
const frameOf = ([west, south, east, north]) => ({ type: "Feature", geometry: { type: "LineString",
  coordinates: [[west, south], [west, north], [east, north], [east, south], [west, south]] } });

function drawMap({ judgedAll }) {
  byId("map-title").textContent = t("map", { index: indexName() });
  const shown = judgedAll.filter(placed), inCity = shown.filter((station) => station.city === state.city);
  const home = shown.every(inside(HOME)), box = home ? HOME : boxAround(shown, 1);
  noteMap(judgedAll, shown, home);
  return Promise.all(inCity.length > 1 ? drawCity(shown, inCity, box) : drawCountry(shown, box));
}
const labelOf = (city, group) => t("insetLabel", { city: isolate(cityName(city)), stations: stationCount(group.length) });
const discs = (stations, small, labelled = false) => stations.map((station) => stationRow(station, small(station), labelled)).reverse(); // worst on top
/** Draw all stations over the country; crowded ones are dots there, and discs in a separate panel. */
function drawCountry(shown, box) {
  const insets = state.city ? [] : crowded(shown), inset = new Set(insets.flatMap(([, group]) => group));
  const boxes = insets.map(([, group]) => boxAround(group, 0.12));
  const small = (station) => (state.city ? station.city !== state.city : inset.has(station));
  insetNodes(insets.map(([name]) => cityName(name)));
  byId("inset-0").classList.remove("locator");
  return [panel("map", t("mapLabel", { stations: stationCount(shown.length) }), box, discs(shown, small), boxes.map(frameOf)),
    ...insets.map(([name, group], i) => panel(`inset-${i}`, labelOf(name, group), boxes[i], discs(group, () => false)))];
}
/** Draw one city in large, and the country in small to show its position. */
function drawCity(shown, inCity, box) {
  const near = boxAround(inCity, 0.1);
  insetNodes([t("allCities")]);
  byId("inset-0").classList.add("locator");
  return [panel("map", labelOf(state.city, inCity), near, discs(inCity, () => false, inCity.length < 13)),
    panel("inset-0", t("mapLabel", { stations: stationCount(shown.length) }), box, discs(shown, () => true), [frameOf(near)])];
}
/** Return a figure per inset, kept between drawings because a new chart is slower than new rows. */
function insetNodes(names) {
  for (let i = 0; i < 2; i++) {
    let figure = byId(`figure-${i}`);
    if (!figure) {
      figure = el("figure", { id: `figure-${i}` }, el("figcaption"), el("div", { id: `inset-${i}`, class: "chart inset", role: "img", "data-spec": "map" }));
      byId("insets").append(figure);
    }
    figure.hidden = i >= names.length;
    if (!figure.hidden) figure.firstChild.replaceChildren(nameOf(names[i]));
  }
}
function noteMap(all, shown, home) {
  const missing = all.length - shown.length, stale = shown.filter((station) => !station.live).length;
  byId("map-note").textContent = [!shown.length && t("mapNone"), stale && count("mapStale", stale), missing && count("mapMissing", missing), !home && t("mapHome")]
    .filter(Boolean).join(" ");
}
