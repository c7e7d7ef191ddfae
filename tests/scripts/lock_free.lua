-- Frees a lock, one level of it; only its owner may.
-- keys: lock:{n} lock:{n}:channel
-- args: id
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then
  return nil
end
local depth = redis.call('HINCRBY', KEYS[1], 'depth', -1)
if depth > 0 then
  return depth
end
redis.call('DEL', KEYS[1])
return {0, redis.call('PUBLISH', KEYS[2], ARGV[1])}
