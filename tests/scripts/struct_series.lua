-- A series of samples packed into one string; old ones are cut off in front.
-- keys: series:{n}
-- args: time number:-1000:1000 number:2:8
local size = struct.size('>I4d')
redis.call('APPEND', KEYS[1], struct.pack('>I4d', tonumber(ARGV[1]) % 4294967296 / 1, ARGV[2] / 8))
local all = redis.call('GET', KEYS[1])
local keep = tonumber(ARGV[3]) * size
if #all > keep then
  all = all:sub(-keep)
  redis.call('SET', KEYS[1], all)
end
local sum, low, high, check = 0, math.huge, -math.huge, 0
for at = 1, #all, size do
  local time, value = struct.unpack('>I4d', all, at)
  sum, low, high = sum + value, math.min(low, value), math.max(high, value)
  check = bit.bxor(bit.rol(check, 5), bit.tobit(time))
end
return {#all / size, tostring(sum / (#all / size)), tostring(low), tostring(high), bit.tohex(check)}
