// ioredis on a server, as people use it. `node ioredis.mjs PORT FOLDER` (the folder that ioredis was
// installed into) prints what went well and fails otherwise. What the server does not offer yet is
// said aloud.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const [port, folder] = process.argv.slice(2);
const { Redis } = createRequire(join(folder, "package.json"))("ioredis");

const open = (options = {}) => new Redis({ port: Number(port), host: "127.0.0.1", ...options });

async function until(condition) {
  for (let turn = 0; turn < 1000; turn += 1) {
    if (await condition()) return;
    await sleep(10);
  }
  assert.fail("it did not come about");
}

const uses = {
  async "values of all kinds"(r) {
    await r.set("text", "grüße", "EX", 100);
    assert.equal(await r.get("text"), "grüße");
    assert.deepEqual(await r.getBuffer("text"), Buffer.from("grüße"));
    await r.hset("hash", { a: 1, b: 2 });
    assert.deepEqual(await r.hgetall("hash"), { a: "1", b: "2" });
    await r.zadd("zset", 1, "one", 2.5, "two");
    assert.deepEqual(await r.zrange("zset", 0, -1, "WITHSCORES"), ["one", "1", "two", "2.5"]);
    for (let n = 0; n < 300; n += 1) r.set(`scanned:${n}`, n);
    const seen = new Set();
    for await (const keys of r.scanStream({ match: "scanned:*", count: 50 })) {
      keys.forEach((key) => seen.add(key));
    }
    assert.equal(seen.size, 300);
    await assert.rejects(r.lpush("text", 1), /WRONGTYPE/);
  },

  async "many commands at a time"(r) {
    const counted = await Promise.all(Array.from({ length: 1000 }, () => r.incr("n")));
    assert.deepEqual(counted, Array.from({ length: 1000 }, (_, n) => n + 1));
    const automatic = open({ enableAutoPipelining: true });
    await Promise.all(Array.from({ length: 1000 }, () => automatic.incr("n")));
    assert.equal(await r.get("n"), "2000");
    automatic.disconnect();
  },

  async transactions(r) {
    assert.deepEqual(await r.multi().set("k", 1).incr("k").exec(), [[null, "OK"], [null, 2]]);
    await r.watch("k");
    const other = open();
    await other.set("k", 7);
    assert.equal(await r.multi().incr("k").exec(), null);
    await assert.rejects(r.multi().set("k").exec(), /EXECABORT/);
    other.disconnect();
  },

  async messages(r) {
    const listening = open();
    const heard = [];
    listening.on("message", (channel, text) => heard.push(text));
    listening.on("pmessage", (pattern, channel, text) => heard.push(`${pattern} ${text}`));
    await listening.subscribe("news");
    await listening.psubscribe("n*");
    for (let n = 0; n < 100; n += 1) assert.equal(await r.publish("news", n), 2);
    await until(() => heard.length === 200);
    const wanted = Array.from({ length: 100 }, (_, n) => [`${n}`, `n* ${n}`]).flat();
    assert.deepEqual(heard, wanted);
    await listening.unsubscribe("news");
    await listening.punsubscribe("n*");
    assert.equal(await listening.ping(), "PONG");
    listening.disconnect();
  },

  async waiting(r) {
    const other = open();
    const job = other.blpop("queue", 10);
    await until(async () => (await r.info("clients")).includes("blocked_clients:1"));
    await r.rpush("queue", "job");
    assert.deepEqual(await job, ["queue", "job"]);
    assert.equal(await other.blpop("queue", 0.05), null);
    const entry = other.xread("BLOCK", 10000, "STREAMS", "stream", "$");
    await until(async () => (await r.info("clients")).includes("blocked_clients:1"));
    const id = await r.xadd("stream", "*", "field", "value");
    assert.deepEqual(await entry, [["stream", [[id, ["field", "value"]]]]]);
    other.disconnect();
  },

  async "coming back after a cut"(r) {
    const other = open({ retryStrategy: () => 10 });
    other.on("error", () => {});
    const before = await other.client("ID");
    const listening = open({ retryStrategy: () => 10 });
    listening.on("error", () => {});
    const heard = [];
    listening.on("message", (_, text) => heard.push(text));
    await listening.subscribe("news");
    assert.equal(await r.client("KILL", "SKIPME", "yes"), 2);
    assert.notEqual(await other.client("ID"), before);
    // Subscriptions are made again by themselves.
    await until(async () => (await r.publish("news", "again")) === 1);
    await until(() => heard.includes("again"));
    other.disconnect();
    listening.disconnect();
  },

  async scripts(r) {
    try {
      await r.eval("return 1", 0);
    } catch (error) {
      console.log(`skipped: scripts: ${error.message}`);
      return;
    }
    r.defineCommand("add", { numberOfKeys: 1, lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])" });
    assert.equal(await r.add("sum", 5), 5);
    assert.equal(await r.add("sum", 6), 11);
  },

  async "who watches everything"(r) {
    const monitor = await open().monitor();
    const seen = [];
    monitor.on("monitor", (time, words) => seen.push(words.join(" ")));
    await r.set("watched", "yes");
    await until(() => seen.includes("set watched yes"));
    monitor.disconnect();
  },
};

for (const [name, use] of Object.entries(uses)) {
  const r = open();
  await r.flushall();
  await use(r);
  r.disconnect();
  console.log(`ok ${name}`);
}

// What still listens would keep the process alive.
process.exit(0);
