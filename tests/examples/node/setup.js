// A Redis for the tests of one file, as `fixtures.txt` filled it:
// `petridis run --load fixtures.txt -- node --test`.

import { after, beforeEach } from "node:test";
import { Redis } from "ioredis";

const shared = new Redis(process.env.REDIS_URL);

// Each file runs in a process of its own, several at a time. So each has a fork of what was loaded.
const url = await shared.call("PETRIDIS", "FORK");

export const connect = (options = {}) => new Redis(url, options);
export const redis = connect();
export const petridis = (...words) => redis.call("PETRIDIS", ...words);

// Moves the server's clock. What falls due has happened when the next command runs.
export const advance = (seconds) => petridis("CLOCK", "ADVANCE", seconds * 1000);

// Each test begins with the same data, time, parameters, and no faults.
await petridis("SNAPSHOT", "filled");
beforeEach(() => petridis("RESTORE", "filled"));

after(async () => {
  redis.disconnect();
  await shared.call("PETRIDIS", "DROP", url);
  shared.disconnect();
});
