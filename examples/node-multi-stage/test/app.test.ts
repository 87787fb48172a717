import assert from "node:assert/strict";
import { test } from "node:test";
import { createApp } from "../src/app.js";
import { Links } from "../src/links.js";

function post(body: string): RequestInit {
  return { method: "POST", body, headers: { "content-type": "application/json" } };
}

test("a stored link redirects", async () => {
  const app = createApp(new Links());
  const created = await app.request("/links", post('{"url": "https://example.com/", "code": "home"}'));
  assert.equal(created.status, 201);
  const response = await app.request("/home");
  assert.equal(response.status, 302);
  assert.equal(response.headers.get("location"), "https://example.com/");
});

test("a taken code is a conflict", async () => {
  const links = new Links();
  links.add("https://example.com/", "home");
  const response = await createApp(links).request("/links", post('{"url": "https://example.org/", "code": "home"}'));
  assert.equal(response.status, 409);
});

test("bad input is refused", async () => {
  const app = createApp(new Links());
  for (const body of ["", "{}", '{"url": "ftp://example.com"}', '{"url": "https://example.com", "code": "a/b"}']) {
    assert.equal((await app.request("/links", post(body))).status, 400, body);
  }
});

test("an unknown code is not found", async () => {
  assert.equal((await createApp(new Links()).request("/nothing")).status, 404);
});
