-- Delayed jobs whose time has come go to those that wait, a thousand at most.
-- keys: q:{n}:delayed q:{n}:wait q:{n}:prio q:{n}:job:
-- args: time
local due = redis.call('ZRANGEBYSCORE', KEYS[1], 0, (tonumber(ARGV[1]) + 1) * 0x1000, 'LIMIT', 0, 1000)
if #due == 0 then
  local nextScore = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
  return nextScore and {0, nextScore} or {0}
end
redis.call('ZREM', KEYS[1], unpack(due))
for _, id in ipairs(due) do
  local key = KEYS[4] .. id
  local priority = tonumber(redis.call('HGET', key, 'priority')) or 0
  if priority == 0 then
    redis.call('LPUSH', KEYS[2], id)
  else
    redis.call('ZADD', KEYS[3], priority, id)
    redis.call('RPUSH', KEYS[2], id)
  end
  redis.call('HSET', key, 'delay', 0)
end
return {#due, unpack(due)}
