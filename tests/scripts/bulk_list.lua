-- Long lists at once: thousands of arguments go out and come back.
-- keys: bulk:{n} bulk:{n}:unique
-- args: number:1:7000 id
local items = {}
for i = 1, tonumber(ARGV[1]) do
  items[i] = ARGV[2] .. ':' .. (i * 7919 % 1009)
end
redis.call('DEL', KEYS[1])
redis.call('RPUSH', KEYS[1], unpack(items))
local back = redis.call('LRANGE', KEYS[1], 0, -1)
local counts, order = {}, {}
for _, item in ipairs(back) do
  if not counts[item] then
    order[#order + 1] = item
  end
  counts[item] = (counts[item] or 0) + 1
end
table.sort(order)
local most = {}
for i = 1, math.min(5, #order) do
  most[i] = order[i] .. '=' .. counts[order[i]]
end
redis.call('LTRIM', KEYS[1], -10, -1)
return {#back, #order, most, select('#', unpack(back, 1, 10))}
