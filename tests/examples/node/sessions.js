// What is tested: who has logged in, kept in Redis for half an hour after the last visit.

import { randomUUID } from "node:crypto";

const HALF_AN_HOUR = 30 * 60;

export class Sessions {
  constructor(redis) {
    this.redis = redis;
  }

  async open(user) {
    const token = randomUUID();
    await this.redis.set(`session:${token}`, user, "EX", HALF_AN_HOUR);
    return token;
  }

  // Who comes, or null; counted if somebody does.
  async visit(token) {
    const user = await this.redis.getex(`session:${token}`, "EX", HALF_AN_HOUR);
    if (user !== null) await this.redis.incr("visits");
    return user;
  }
}
