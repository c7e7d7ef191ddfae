-- A fixed window: so many in a minute.
-- keys: fixed:{n}
-- args: number:1:20 number:1:4
local limit, cost = tonumber(ARGV[1]), tonumber(ARGV[2])
local used = redis.call('INCRBY', KEYS[1], cost)
if used == cost then
  redis.call('EXPIRE', KEYS[1], 600)
end
if used > limit then
  return redis.error_reply(string.format('LIMIT %d of %d, %.1f%% over', used, limit, (used - limit) / limit * 100))
end
return {limit - used, tostring(used / limit)}
