-- Takes several locks or none.
-- keys: many:{n} many:{n} many:{n} many:{n}
-- args: id number:60000:90000
local taken = {}
for i, key in ipairs(KEYS) do
  if redis.call('SET', key, ARGV[1], 'NX', 'PX', ARGV[2]) then
    taken[#taken + 1] = key
  elseif redis.call('GET', key) ~= ARGV[1] then
    if #taken > 0 then
      redis.call('UNLINK', unpack(taken))
    end
    return {false, i, key}
  end
end
return {true, #taken, taken}
