// Tests with a Redis that is filled once, can be moved in time and told to fail.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Sessions } from "./sessions.js";
import { advance, connect, petridis, redis } from "./setup.js";

const sessions = new Sessions(redis);

test("it begins as it was filled", async () => {
  assert.deepEqual(await redis.hgetall("user:1"), { name: "Ada", plan: "free" });
});

for (const which of ["one", "another"]) {
  test(`nothing is left by other tests: ${which}`, async () => {
    assert.equal(await sessions.visit(await sessions.open(which)), which);
    assert.equal(await redis.get("visits"), "101");
    assert.equal(await redis.dbsize(), 3);
  });
}

test("a session ends half an hour after the last visit", async () => {
  const token = await sessions.open("ada");
  await advance(29 * 60);
  assert.equal(await sessions.visit(token), "ada");
  await advance(29 * 60);
  assert.equal(await sessions.visit(token), "ada");
  await advance(31 * 60);
  assert.equal(await sessions.visit(token), null);
});

test("a server that hangs is given up", async () => {
  await petridis("FAULT", "ADD", "DELAY", 60_000, "COMMAND", "getex");
  const impatient = connect({ commandTimeout: 50 });
  await assert.rejects(new Sessions(impatient).visit("token"), /timed out/);
  impatient.disconnect();
});

test("a server that refuses is reported", async () => {
  const refusal = "OOM command not allowed when used memory > 'maxmemory'.";
  await petridis("FAULT", "ADD", "ERROR", refusal, "COMMAND", "set");
  await assert.rejects(sessions.open("ada"), /^ReplyError: OOM/);
});

test("a visit whose reply is lost counts twice", async () => {
  // Counted, but the connection closes before the client hears of it: so the client tries again.
  await petridis("FAULT", "ADD", "CLOSE", "AFTER", "COMMAND", "incr", "TIMES", 1);
  assert.equal(await sessions.visit(await sessions.open("ada")), "ada");
  assert.equal(await redis.get("visits"), "102");
});
