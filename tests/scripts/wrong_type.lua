-- What goes wrong inside: errors of commands, caught and not.
-- keys: q:{n}:wait board:{n} session:{n} bucket:{n}
-- args: number:1:6 word
local how = tonumber(ARGV[1])
local results = {}
for i, key in ipairs(KEYS) do
  local reply = redis.pcall(({'GET', 'LLEN', 'HLEN', 'ZCARD', 'SCARD', 'STRLEN'})[how], key)
  results[i] = type(reply) == 'table' and reply.err or reply
end
if how == 6 then
  redis.call('INCR', KEYS[1])
  return redis.call('SADD', KEYS[2], ARGV[2])
end
local ok, e = pcall(redis.call, 'LPUSH', KEYS[2], ARGV[2])
results[#results + 1] = ok and tostring(e) or (type(e) == 'table' and e.err or e)
return results
