-- A leaderboard: the better score counts, and equal scores are ordered by who came first.
-- keys: board:{n} board:{n}:names
-- args: id number:-100:1000 word time
local best = redis.call('ZSCORE', KEYS[1], ARGV[1])
local score = tonumber(ARGV[2]) + (1 - (tonumber(ARGV[4]) % 100000) / 100000) / 10
if best and tonumber(best) >= score then
  return {0, redis.call('ZREVRANK', KEYS[1], ARGV[1]), best}
end
redis.call('ZADD', KEYS[1], score, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
local rank = redis.call('ZREVRANK', KEYS[1], ARGV[1])
return {1, rank, tostring(score), redis.call('ZSCORE', KEYS[1], ARGV[1])}
