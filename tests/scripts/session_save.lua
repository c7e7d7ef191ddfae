-- A session: parts of it are merged into what is stored as MessagePack, with a version.
-- keys: session:{n} session:index
-- args: json id number:0:3
local stored = redis.call('GET', KEYS[1])
local session = stored and cmsgpack.unpack(stored) or {version = 0, data = {}}
if tonumber(ARGV[3]) > 0 and session.version > 0 and session.version % tonumber(ARGV[3]) == 1 then
  return redis.error_reply('CONFLICT at version ' .. session.version)
end
local more = cjson.decode(ARGV[1])
local names = {}
for name, value in pairs(more) do
  names[#names + 1] = tostring(name)
  if value == cjson.null then
    session.data[name] = nil
  elseif type(value) == 'table' then
    session.data[name] = cjson.encode(value)
  else
    session.data[name] = value
  end
end
session.version = session.version + 1
session.user = ARGV[2]
redis.call('SET', KEYS[1], cmsgpack.pack(session), 'EX', 1000)
redis.call('HSET', KEYS[2], KEYS[1], ARGV[2])
return {session.version, table.concat(names, ','), #cmsgpack.pack(session), redis.sha1hex(cmsgpack.pack(session))}
