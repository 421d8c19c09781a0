/** Counts by bucket, users, oldest request, breaker and pause of a channel. */
export const statusOf = `
local function pairsOf(list)
  local t = {}
  for i = 1, #list, 2 do t[list[i]] = list[i + 1] end
  return t
end
local function statusOf(ch)
  return {
    counts = pairsOf(call('HGETALL', key('count', ch))),
    users = call('HLEN', key('users', ch)),
    oldest = call('ZRANGE', key('oldest', ch), 0, 0, 'WITHSCORES')[2] or '',
    breaker = pairsOf(call('HGETALL', key('breaker', ch))),
    paused = call('SISMEMBER', base .. 'paused', ch) == 1,
  }
end
`;

/** Answers JSON: what {@link statusOf} says; `more` when it must be called again first. */
export const statusScript = `
local more = promote(a.channel, 1000)
gateAt(a.channel)
local status = statusOf(a.channel)
status.more = more
return cjson.encode(status)
`;

export const lagScript = `
local counts = {}
for i, limit in ipairs(a.limits) do
  counts[i] = call('ZCOUNT', key('oldest', a.channel), '-inf', '(' .. string.format('%.0f', now - limit))
end
return counts
`;

/**
 * A page of users: `{cursor, rows}`, a row being name, record, failure or false, whether a sync runs here, and
 * the priority of what came since it began. `names`: only these. `keysOnly`: names alone.
 */
export const pageScript = `
local ch = a.channel
local cursor, list = '0', {}
if a.names then
  for _, name in ipairs(a.names) do
    local text = call('HGET', key('users', ch), name)
    if text then
      list[#list + 1] = name
      list[#list + 1] = text
    end
  end
else
  local page = call('HSCAN', key('users', ch), a.cursor, 'COUNT', a.count)
  cursor, list = page[1], page[2]
end
local rows = {}
for i = 1, #list, 2 do
  local user = list[i]
  if a.keysOnly then
    rows[#rows + 1] = user
  else
    local busyOn, id = running(user)
    local l = busyOn == ch and lease(id) or nil
    if l and l.stale then l = nil end
    local failure = call('HGET', key('failures', ch), user)
    rows[#rows + 1] = { user, list[i + 1], failure, l and 1 or 0, l and l.more and l.more.prio or 0 }
  end
end
return { cursor, rows }
`;

/** Computes due times anew for a page of users; answers the next cursor. */
export const refreshScript = `
local page = call('HSCAN', key('users', a.channel), a.cursor, 'COUNT', a.count)
for i = 1, #page[2], 2 do
  local r = cjson.decode(page[2][i + 1])
  remember(r)
  place(a.channel, page[2][i], r)
end
return page[1]
`;

/** All leases, for one picture of the fleet. */
export const leasesScript = `
return call('HGETALL', base .. 'leases')
`;

/** A sign of life of the session, and the channels that its configuration has; answers the time of Redis (ms). */
export const beatScript = `
local time = redisTime()
if call('SISMEMBER', base .. 'sessions', a.session) == 1 then
  a.member.seenAt = time
  call('HSET', base .. 'members', a.session, cjson.encode(a.member))
  call('HSET', KEYS[1], 'channels', cjson.encode(a.channels), 'clock', now)
end
return time
`;

/**
 * One backend of the fleet, for any replicator: \`{time, statuses, members, lease ids}\`, or false
 * when there is no such queue. Changes nothing, so that looking at others is no work on their queues.
 */
export const fleetScript = `
if call('EXISTS', KEYS[1]) == 0 then return false end
local statuses = {}
for _, ch in ipairs(cjson.decode(call('HGET', KEYS[1], 'channels') or '[]')) do
  local status = statusOf(ch)
  status.channel = ch
  status.behind = call('ZCARD', key('oldest', ch))
  statuses[#statuses + 1] = cjson.encode(status)
end
return { redisTime(), statuses, call('HGETALL', base .. 'members'), call('HKEYS', base .. 'leases') }
`;
