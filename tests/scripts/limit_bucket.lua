-- A bucket of tokens that fills with time; fractions of tokens count.
-- keys: bucket:{n}
-- args: time number:1:100 number:1:50 number:1:30
local now, rate, capacity, wanted = unpack({tonumber(ARGV[1]), tonumber(ARGV[2]) / 7, tonumber(ARGV[3]), tonumber(ARGV[4])})
local state = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(state[1] or capacity)
local at = tonumber(state[2] or now)
tokens = math.min(capacity, tokens + math.max(0, now - at) / 1000 * rate)
local allowed = tokens >= wanted
if allowed then
  tokens = tokens - wanted
end
redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now)
redis.call('EXPIRE', KEYS[1], 60 + math.ceil(capacity / rate) * 2)
return {allowed and 1 or 0, tostring(tokens), allowed and 0 or math.ceil((wanted - tokens) / rate * 1000)}
