-- Who stands around somebody, with names, as JSON.
-- keys: board:{n} board:{n}:names
-- args: id number:0:4
local rank = redis.call('ZREVRANK', KEYS[1], ARGV[1])
if not rank then
  return cjson.encode({found = false, size = redis.call('ZCARD', KEYS[1])})
end
local from = math.max(0, rank - ARGV[2])
local rows = redis.call('ZREVRANGE', KEYS[1], from, rank + ARGV[2], 'WITHSCORES')
local out = {}
for i = 1, #rows, 2 do
  out[#out + 1] = {from + (i - 1) / 2 + 1, redis.call('HGET', KEYS[2], rows[i]) or rows[i], tonumber(rows[i + 1])}
end
table.sort(out, function(a, b) return a[1] > b[1] end)
return cjson.encode(out)
