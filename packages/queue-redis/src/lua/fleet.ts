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
 * One backend of the fleet, for any replicator to look at: \`{time, statuses, members, lease ids}\`, or false
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
