import { isRange, latest, latestPerMajor } from "./releases.js";

export interface Answer {
  status: number;
  body: unknown;
}

/** `/` lists the newest release per major version, `/?range=^1.2` names the newest one inside the range. */
export function answer(url: URL, releases: string[]): Answer {
  if (url.pathname !== "/") return { status: 404, body: { error: "not found" } };
  const range = url.searchParams.get("range");
  if (range === null) return { status: 200, body: { releases: latestPerMajor(releases) } };
  if (!isRange(range)) return { status: 400, body: { error: `not a version range: ${range}` } };
  const release = latest(releases, range);
  if (release === undefined) return { status: 404, body: { error: "no release in this range" } };
  return { status: 200, body: { release } };
}
