import assert from "node:assert/strict";
import { test } from "node:test";
import { Links, isWebAddress } from "../src/links.js";

test("a link gets a code of eight characters", () => {
  const link = new Links().add("https://example.com/");
  assert.equal(link?.code.length, 8);
});

test("a code is given once", () => {
  const links = new Links();
  assert.ok(links.add("https://example.com/a", "a"));
  assert.equal(links.add("https://example.com/b", "a"), undefined);
  assert.equal(links.find("a")?.url, "https://example.com/a");
});

test("visits are counted", () => {
  const links = new Links();
  links.add("https://example.com/", "x");
  links.visit("x");
  links.visit("x");
  assert.equal(links.find("x")?.visits, 2);
});

test("only web addresses are accepted", () => {
  assert.ok(isWebAddress("http://example.com"));
  assert.ok(!isWebAddress("javascript:alert(1)"));
  assert.ok(!isWebAddress("not a url"));
});
