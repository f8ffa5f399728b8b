// Remakes openaq_assets/openaq/dashboard/outline.json, the land under the map of the Air Quality Overview page.
//
//   npm i world-atlas@2.0.2 topojson-client@3        (anywhere outside the repository)
//   NODE_MODULES=<that directory>/node_modules node infra/outline.mjs > openaq_assets/openaq/dashboard/outline.json
//
// Natural Earth 1:50m (public domain), packaged by world-atlas 2.0.2 (ISC). The page draws land only: no names,
// no labels. Rings are flat [lon, lat, lon, lat, ...] lists clipped to `bbox`, closed implicitly.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const BBOX = [97, 3, 115, 28];
const VIETNAM = "704";
const MODULES = process.env.NODE_MODULES ?? "node_modules";
const topojson = createRequire(import.meta.url)(join(MODULES, "topojson-client"));
const world = JSON.parse(readFileSync(join(MODULES, "world-atlas", "countries-50m.json"), "utf8"));

/** The part of a ring on the kept side of one edge of the box (Sutherland-Hodgman). */
function cut(ring, axis, limit, sign) {
  const inside = (p) => sign * (p[axis] - limit) >= 0;
  return ring.flatMap((point, i) => {
    const before = ring[(i + ring.length - 1) % ring.length];
    const kept = inside(point) ? [point] : [];
    if (inside(point) === inside(before)) return kept;
    const share = (limit - before[axis]) / (point[axis] - before[axis]);
    const crossing = before.map((value, k) => value + share * (point[k] - value));
    crossing[axis] = limit;
    return [crossing, ...kept];
  });
}

function clip(ring) {
  const [west, south, east, north] = BBOX;
  const edges = [[0, west, 1], [1, south, 1], [0, east, -1], [1, north, -1]];
  return edges.reduce((left, edge) => (left.length ? cut(left, ...edge) : left), ring.slice(0, -1));
}

const round = (value) => Math.round(value * 1000) / 1000;
const rings = (polygons) => polygons.flat().map(clip).filter((ring) => ring.length > 2)
  .map((ring) => ring.flat().map(round));

const countries = world.objects.countries.geometries;
const land = (keep) => rings(topojson.merge(world, countries.filter(keep)).coordinates);
const outline = {
  source: "Natural Earth 1:50m (public domain), from world-atlas 2.0.2; made by infra/outline.mjs",
  bbox: BBOX,
  focus: land((country) => country.id === VIETNAM),
  land: land((country) => country.id !== VIETNAM),
};
process.stdout.write(JSON.stringify(outline) + "\n");
