import semver from "semver";

/** The newest release that satisfies the range; releases that are not versions are passed over. */
export function latest(releases: string[], range: string): string | undefined {
  const versions = releases.filter((release) => semver.valid(release) !== null);
  return semver.maxSatisfying(versions, range) ?? undefined;
}

export function isRange(text: string): boolean {
  return semver.validRange(text) !== null;
}

/** The newest release of each major version, newest major first. */
export function latestPerMajor(releases: string[]): string[] {
  const best = new Map<number, string>();
  for (const release of releases) {
    if (semver.valid(release) === null || semver.prerelease(release) !== null) continue;
    const major = semver.major(release);
    const known = best.get(major);
    if (known === undefined || semver.gt(release, known)) best.set(major, release);
  }
  return [...best.values()].sort(semver.rcompare);
}
