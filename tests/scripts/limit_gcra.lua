-- The generic cell rate algorithm: one time is kept, with all its digits.
-- keys: gcra:{n}
-- args: time number:1:20 number:1:30
local now, burst, rate = ARGV[1] / 1000, tonumber(ARGV[2]), tonumber(ARGV[3])
local interval = 1 / rate
local tat = tonumber(redis.call('GET', KEYS[1]) or now)
local new = math.max(tat, now) + interval
local allowAt = new - burst * interval
if allowAt > now then
  return {1, string.format('%.6f', allowAt - now), string.format('%.17g', tat)}
end
redis.call('SET', KEYS[1], string.format('%.17g', new), 'EX', 600)
return {0, math.floor((now - allowAt) / interval), string.format('%.6f', new - now)}
