-- Adds a job to a queue: its data in a hash, its id in a list, or among the delayed, or by priority.
-- keys: q:{n}:id q:{n}:wait q:{n}:delayed q:{n}:prio q:{n}:events q:{n}:job:
-- args: pack json time
local opts = cmsgpack.unpack(ARGV[1])
local id = opts.id
if not id then
  id = tostring(redis.call('INCR', KEYS[1]))
end
local jobKey = KEYS[6] .. id
if redis.call('EXISTS', jobKey) == 1 then
  redis.pcall('XADD', KEYS[5], 'MAXLEN', 50, ARGV[3] .. '-1', 'event', 'duplicated', 'jobId', id)
  return {id, 'duplicated'}
end
local now = tonumber(ARGV[3])
redis.call('HMSET', jobKey, 'name', opts.name or 'job', 'data', ARGV[2], 'timestamp', now,
  'delay', opts.delay or 0, 'priority', opts.priority or 0, 'attempts', opts.attempts or 1)
if opts.delay and opts.delay > 0 then
  local score = (now + opts.delay) * 0x1000 + tonumber(redis.call('GET', KEYS[1]) or 0) % 0x1000
  redis.call('ZADD', KEYS[3], string.format('%.0f', score), id)
  return {id, 'delayed', string.format('%.0f', score)}
elseif opts.priority and opts.priority > 0 then
  redis.call('ZADD', KEYS[4], opts.priority, id)
  local above = redis.call('ZCOUNT', KEYS[4], 0, opts.priority)
  local at = redis.call('LRANGE', KEYS[2], -above, -above)[1]
  if at then
    redis.call('LINSERT', KEYS[2], 'BEFORE', at, id)
  else
    redis.call(opts.lifo and 'LPUSH' or 'RPUSH', KEYS[2], id)
  end
  return {id, 'prioritised', above}
end
redis.call(opts.lifo and 'RPUSH' or 'LPUSH', KEYS[2], id)
return {id, 'waiting', redis.call('LLEN', KEYS[2])}
