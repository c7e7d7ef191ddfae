-- Takes the next job, locks it for a worker, and returns it with all its fields.
-- keys: q:{n}:wait q:{n}:active q:{n}:prio q:{n}:meta q:{n}:job:
-- args: word number:1000:60000
if redis.call('HEXISTS', KEYS[4], 'paused') == 1 then
  return redis.status_reply('PAUSED')
end
local limit = tonumber(redis.call('HGET', KEYS[4], 'concurrency') or 10)
if redis.call('LLEN', KEYS[2]) >= limit then
  return {false, 'LIMIT'}
end
local id = redis.call('RPOPLPUSH', KEYS[1], KEYS[2])
if not id then
  return false
end
local key = KEYS[5] .. id
redis.call('ZREM', KEYS[3], id)
redis.call('SET', key .. ':lock', ARGV[1], 'PX', tonumber(ARGV[2]) + 100000)
redis.call('HINCRBY', key, 'made', 1)
return {id, redis.call('HMGET', key, 'name', 'data', 'priority', 'made', 'nothing')}
