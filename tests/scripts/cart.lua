-- A cart: text of the form `sku*count@price` becomes lines in a hash; totals in cents.
-- keys: cart:{n}
-- args: lines
local seen, bad = 0, {}
for part in string.gmatch(ARGV[1] .. ';', '([^;]*);') do
  local sku, count, price = part:match('^%s*(%a[%w_]*)%*(%d+)@(%d+%.?%d*)%s*$')
  if sku then
    local line = redis.call('HGET', KEYS[1], sku)
    local had = line and tonumber(line:match('^(%d+)')) or 0
    redis.call('HSET', KEYS[1], sku, string.format('%d x %.2f', had + count, price))
    seen = seen + 1
  elseif part ~= '' then
    bad[#bad + 1] = (part:gsub('[^%w]', function(c) return string.format('%%%02X', c:byte()) end))
  end
end
local total = 0
local all = redis.call('HGETALL', KEYS[1])
for i = 2, #all, 2 do
  local count, price = all[i]:match('^(%d+) x (.+)$')
  total = total + math.floor(count * price * 100 + 0.5)
end
return {seen, total, bad, all}
