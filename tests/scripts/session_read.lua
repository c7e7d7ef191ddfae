-- What a session holds, each value with its type.
-- keys: session:{n}
-- args:
local stored = redis.call('GET', KEYS[1])
if not stored then
  return {}
end
local session = cmsgpack.unpack(stored)
local out = {session.version, session.user}
for name, value in pairs(session.data) do
  out[#out + 1] = tostring(name) .. '=' .. type(value) .. ':' .. tostring(value)
end
redis.call('EXPIRE', KEYS[1], 2000)
return out
