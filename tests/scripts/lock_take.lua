-- A lock that may be taken again by who has it.
-- keys: lock:{n}
-- args: id number:60000:90000
local owner = redis.call('HGET', KEYS[1], 'owner')
if owner and owner ~= ARGV[1] then
  return {0, owner, redis.call('PTTL', KEYS[1]) > 0 and 1 or 0}
end
redis.call('HSET', KEYS[1], 'owner', ARGV[1])
local depth = redis.call('HINCRBY', KEYS[1], 'depth', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {1, ARGV[1], depth}
