import assert from "node:assert/strict";
import { test } from "node:test";
import { isRange, latest, latestPerMajor } from "../src/releases.js";

const RELEASES = ["1.0.0", "1.10.0", "1.9.0", "2.0.0-rc.1", "2.0.0", "nightly"];

test("versions are compared as numbers", () => {
  assert.equal(latest(RELEASES, "^1.0.0"), "1.10.0");
});

test("a pre-release does not satisfy a plain range", () => {
  assert.equal(latest(["2.0.0-rc.1"], "^2.0.0"), undefined);
});

test("each major version has one newest release", () => {
  assert.deepEqual(latestPerMajor(RELEASES), ["2.0.0", "1.10.0"]);
});

test("words are not ranges", () => {
  assert.ok(isRange(">=1 <3"));
  assert.ok(!isRange("newest please"));
});
