-- A job is done or has failed: it is kept among the last few, tried again, or forgotten.
-- keys: q:{n}:active q:{n}:wait q:{n}:completed q:{n}:failed q:{n}:job: q:{n}:metrics
-- args: word json time number:0:5 number:0:1
local id = redis.call('LINDEX', KEYS[1], -1)
if not id then
  return redis.error_reply('NOJOB there is no active job')
end
local key = KEYS[5] .. id
local lock = redis.call('GET', key .. ':lock')
if lock and lock ~= ARGV[1] then
  return redis.error_reply('LOCKED job ' .. id .. ' is held by ' .. lock)
end
redis.call('DEL', key .. ':lock')
redis.call('LREM', KEYS[1], 1, id)
local failed = ARGV[5] == '1'
local ok, result = pcall(cjson.decode, ARGV[2])
if not ok then
  result = {error = 'unreadable'}
end
if failed then
  local made, attempts = unpack(redis.call('HMGET', key, 'made', 'attempts'))
  if tonumber(made or 0) < tonumber(attempts or 1) then
    redis.call('LPUSH', KEYS[2], id)
    return {'retry', id, made}
  end
end
local target = failed and KEYS[4] or KEYS[3]
redis.call('ZADD', target, ARGV[3], id)
redis.call('HSET', key, failed and 'failedReason' or 'returnvalue', cjson.encode({value = result.a or cjson.null, at = tonumber(ARGV[3])}))
local keep = tonumber(ARGV[4])
local stale = redis.call('ZREVRANGE', target, keep, -1)
for from = 1, #stale, 7000 do
  local keys = {}
  for i = from, math.min(from + 6999, #stale) do
    keys[#keys + 1] = KEYS[5] .. stale[i]
  end
  redis.call('DEL', unpack(keys))
end
redis.call('ZREMRANGEBYRANK', target, 0, -(keep + 1))
redis.call('HINCRBY', KEYS[6], failed and 'failed' or 'done', 1)
return {failed and 'failed' or 'done', id, #stale, redis.call('HGETALL', KEYS[6])}
