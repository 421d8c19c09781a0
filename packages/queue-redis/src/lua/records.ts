import { constants } from './constants.ts';

/**
 * What every script begins with: the records of users and where each user stands.
 *
 * A record is a JSON array in the hash `users:<channel>`, so that `HGET` shows it to a person. The
 * meaning is that of the scheduling model in `@dsyncd/queue`; only the arithmetic that must happen
 * under the eyes of all replicators at once is here. `KEYS[1]` is the `meta` key, which gives the
 * prefix; `ARGV[1]` is JSON with `now`, `interval` (the full-sync interval) and
 * `failureInterval`, all in milliseconds.
 */
export const records = `
local a = cjson.decode(ARGV[1])
local now, interval = a.now, a.interval
local base = string.sub(KEYS[1], 1, -5)
local call = redis.call
${constants}
-- Milliseconds; for signs of life, which hosts whose clocks differ compare.
local function redisTime()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function key(kind, ch) return base .. kind .. ':' .. ch end
local function has(r, bits) return bit.band(r[FLAGS], bits) ~= 0 end
local function mark(r, bits) r[FLAGS] = bit.bor(r[FLAGS], bits) end
local function clear(r, bits) r[FLAGS] = bit.band(r[FLAGS], bit.bnot(bits)) end

-- Since when something may be missing on the other side; 0: nothing is known to be.
local function behindSince(r)
  if r[ASKED] > 0 and r[UNPROVEN] > 0 then return math.min(r[ASKED], r[UNPROVEN]) end
  return r[ASKED] + r[UNPROVEN]
end

-- What of a record was counted elsewhere when it was read.
local counted = {}
local function remember(r)
  -- Earlier versions kept no more.
  r[UNPROVEN] = r[UNPROVEN] or 0
  counted[r] = { since = behindSince(r) }
end

local function get(ch, user)
  local text = call('HGET', key('users', ch), user)
  if not text then return nil end
  local r = cjson.decode(text)
  remember(r)
  return r
end

local function create(ch)
  if a.usersMax and call('HLEN', key('users', ch)) >= a.usersMax then return nil end
  local r = { KNOWN, 0, 0, 0, now, 0, 0, 0, 0, 0, 0, 0, 0 }
  remember(r)
  return r
end

-- The channel on which the user is being synced, and the lease of that sync.
local function running(user)
  local text = call('HGET', base .. 'busy', user)
  if not text then return nil end
  local cut = string.find(text, ' ', 1, true)
  return string.sub(text, cut + 1), string.sub(text, 1, cut - 1)
end
local function lease(id)
  local text = call('HGET', base .. 'leases', id)
  return text and cjson.decode(text) or nil
end
local function saveLease(id, l) call('HSET', base .. 'leases', id, cjson.encode(l)) end

local function dueAt(r)
  if r[PRIO] > 0 or r[HOLD] > 0 then return r[HOLD] end
  if has(r, DOUBTED) or r[UNPROVEN] > 0 then return 0 end
  return has(r, FULL_SYNCED) and r[FULLBASE] + interval or r[FULLBASE]
end

local function rank(r, due)
  if r[PRIO] == 0 then return due end
  local aged = r[ASKED] - AGEING[r[PRIO]]
  if r[FAST] == 0 then return aged - C.NEVER_SYNCED_HEAD_START_MS end
  return aged
end

local function bucketOf(r, busyOn, ch, ready)
  if busyOn == ch then return C.IN_RUNNING end
  if has(r, QUARANTINED) then return C.IN_QUARANTINED end
  if has(r, PAUSED) then return C.IN_PAUSED end
  if has(r, FAILED) then return C.IN_FAILED end
  -- low, high and sync follow each other.
  if r[PRIO] > 0 then return C.IN_LOW + r[PRIO] - 1 end
  return ready and C.IN_FULL_RESYNC or C.IN_IDLE
end

local function countBucket(ch, r, bucket)
  if r[BUCKET] == bucket then return end
  local counts = key('count', ch)
  if r[BUCKET] ~= 0 then call('HINCRBY', counts, r[BUCKET], -1) end
  if bucket ~= 0 then call('HINCRBY', counts, bucket, 1) end
  r[BUCKET] = bucket
end

-- As standingOf in core says it.
local function standingOf(r)
  if has(r, QUARANTINED) then return C.IS_QUARANTINED end
  if has(r, PAUSED) then return C.IS_PAUSED end
  if has(r, FAILED) then return C.IS_FAILING end
  if not has(r, FULL_SYNCED) then return C.IS_NEVER_SYNCED end
  if r[QUICK_RETRIES] >= C.CHANGING_SYNCS_MIN then return C.IS_CHANGING end
  if r[ASKED] > 0 or r[QUICK_RETRIES] > 0 then return C.IS_BEHIND end
  if has(r, DOUBTED) then return C.IS_NOT_KNOWN end
  return r[UNPROVEN] > 0 and C.IS_UNPROVEN or C.IS_REPLICATED
end

local function countStanding(ch, r, standing)
  if r[STANDING] == standing then return end
  local counts = key('count', ch)
  -- Earlier versions kept a fraction below 1 there.
  if r[STANDING] >= 1 then call('HINCRBY', counts, 's' .. r[STANDING], -1) end
  if standing ~= 0 then call('HINCRBY', counts, 's' .. standing, 1) end
  r[STANDING] = standing
end

local function noteOldest(ch, user, r, since)
  if counted[r].since == since then return end
  if since > 0 then call('ZADD', key('oldest', ch), since, user)
  else call('ZREM', key('oldest', ch), user) end
  counted[r].since = since
end

local function moveTo(ch, user, r, place, score)
  if r[PLACE] == 1 and place ~= 1 then call('ZREM', key('ready', ch), user) end
  if r[PLACE] == 2 and place ~= 2 then call('ZREM', key('waiting', ch), user) end
  if r[PLACE] == 3 and place ~= 3 then call('ZREM', key('quiet', ch), user) end
  if place == 1 then call('ZADD', key('ready', ch), score, user) end
  if place == 2 then call('ZADD', key('waiting', ch), score, user) end
  if place == 3 and r[PLACE] ~= 3 then call('ZADD', key('quiet', ch), score, user) end
  r[PLACE] = place
end

-- How long the reason allows to wait at most; as limitWait of the model.
local function waitMax(r)
  local failed, soon = 0, 0
  if r[FAILS] > 0 then
    local first = math.min(C.BACKOFF_FIRST_MS, a.failureInterval)
    failed = math.min(a.failureInterval, first * 2 ^ math.min(r[FAILS] - 1, 30))
  end
  if r[QUICK_RETRIES] > 0 then
    soon = math.min(C.QUICK_RETRY_MAX_MS, C.QUICK_RETRY_FIRST_MS * C.QUICK_RETRY_GROWTH ^ math.min(r[QUICK_RETRIES] - 1, 20))
  end
  local most = math.max(failed, soon)
  return most > 0 and most or a.failureInterval
end

-- Instants that a clock gave which was ahead are pulled back, so that nobody waits for it to be right again.
local function rightTimes(r)
  for _, place in ipairs({ ASKED, FAST, FULLBASE, SUCCESS, UNPROVEN }) do
    if r[place] > now + C.CLOCK_SLACK then r[place] = now end
  end
  if r[HOLD] > now then r[HOLD] = math.min(r[HOLD], now + waitMax(r)) end
end

-- Puts the user where the record says, and stores the record. To be called after each change of it.
local function place(ch, user, r)
  rightTimes(r)
  local busyOn = running(user)
  local held = busyOn or has(r, QUARANTINED + PAUSED)
  local due = dueAt(r)
  local ready = not held and due <= now
  if held then moveTo(ch, user, r, 0)
  elseif ready and r[PRIO] == 0 and r[HOLD] == 0 then moveTo(ch, user, r, 3, due == 0 and now or due)
  elseif ready then moveTo(ch, user, r, 1, rank(r, due))
  else moveTo(ch, user, r, 2, due) end
  countBucket(ch, r, bucketOf(r, busyOn, ch, ready))
  countStanding(ch, r, standingOf(r))
  noteOldest(ch, user, r, behindSince(r))
  call('HSET', key('users', ch), user, cjson.encode(r))
  return ready
end

local function forget(ch, user, r)
  moveTo(ch, user, r, 0)
  countBucket(ch, r, 0)
  countStanding(ch, r, 0)
  noteOldest(ch, user, r, 0)
  for _, kind in ipairs({ 'users', 'states', 'failures' }) do call('HDEL', key(kind, ch), user) end
end

-- After a sync of the user began or ended, on whatever channel.
local function placeEverywhere(user)
  for _, ch in ipairs(call('SMEMBERS', base .. 'channels')) do
    local r = get(ch, user)
    if r then place(ch, user, r) end
  end
end

-- Moves up to so many users whose time has come from waiting to ready; true when more may be left.
local function promote(ch, max)
  local due = call('ZRANGEBYSCORE', key('waiting', ch), '-inf', now, 'LIMIT', 0, max)
  for _, user in ipairs(due) do
    local r = get(ch, user)
    if r then place(ch, user, r) else call('ZREM', key('waiting', ch), user) end
  end
  return #due == max
end

local function readyCount()
  local sum = 0
  for _, ch in ipairs(a.channels) do
    sum = sum + call('ZCARD', key('ready', ch))
    if a.quiet then sum = sum + call('ZCARD', key('quiet', ch)) end
  end
  return sum
end
`;
