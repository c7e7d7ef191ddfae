-- Takes items off several stocks if all have enough; says what is lacking.
-- keys: stock:{n} stock:{n} stock:{n}
-- args: number:0:5 number:0:5 number:0:5
local lacking = {}
for i, key in ipairs(KEYS) do
  local have = tonumber(redis.call('GET', key) or '0')
  if have < tonumber(ARGV[i]) then
    lacking[#lacking + 1] = string.format('%s:%d', key, ARGV[i] - have)
  end
end
if #lacking > 0 then
  for _, key in ipairs(KEYS) do
    redis.call('INCRBY', key, 3)
  end
  return {err = 'LACKING ' .. table.concat(lacking, ' ')}
end
local left = {}
for i, key in ipairs(KEYS) do
  left[i] = redis.call('DECRBY', key, ARGV[i])
end
return left
