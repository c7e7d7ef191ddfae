// A queue: its tests run beside those of the other file, in a fork of their own.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Redis } from "ioredis";

import { advance, connect, petridis, redis } from "./setup.js";

const worker = connect();
after(() => worker.disconnect());

async function untilItWaits() {
  while (!(await redis.info("clients")).includes("blocked_clients:1")) {}
}

test("a worker gets what comes", async () => {
  const job = worker.blpop("jobs", 60);
  await untilItWaits();
  await redis.rpush("jobs", "send a letter");
  assert.deepEqual(await job, ["jobs", "send a letter"]);
});

test("a worker goes home after a minute without work", async () => {
  const job = worker.blpop("jobs", 60);
  await untilItWaits();
  await advance(60); // no test waits a minute
  assert.equal(await job, null);
});

test("each worker has a fork", async () => {
  await redis.rpush("jobs", "one", "two");
  const work = async () => {
    const url = await petridis("FORK"); // begins as the server is now
    const own = new Redis(url);
    const job = await own.lpop("jobs");
    own.disconnect();
    await petridis("DROP", url);
    return job;
  };
  assert.deepEqual(await Promise.all([work(), work(), work()]), ["one", "one", "one"]);
  assert.equal(await redis.llen("jobs"), 2);
});
