/** A claim promotes so many users a channel at most; the rest follow with the next claims. */
const promotedMax = 100;

/**
 * The next due user of the channels, leased to the session. Answers `{lease, state, ready}`, or
 * `{false, wakeAt}` (-1: never) when nothing is due, or `{}` when the session is not known.
 * The same lease id again gives the same answer: a command that is sent twice claims once.
 */
export const claimScript = `
local known = lease(a.id)
local function answer(l)
  local state = l.type == 'incremental' and call('HGET', key('states', l.ch), l.user)
  return { cjson.encode(l), state, readyCount() }
end
if known then return answer(known) end
if call('SISMEMBER', base .. 'sessions', a.session) == 0 then return {} end

local best, bestUser
local bestRank = math.huge
local wakeAt = math.huge
local gates = {}
for _, ch in ipairs(a.channels) do
  gates[ch] = gateAt(ch)
  if gates[ch] <= now then promote(ch, ${promotedMax}) end
  local next = call('ZRANGE', key('waiting', ch), 0, 0, 'WITHSCORES')
  if next[1] then wakeAt = math.min(wakeAt, math.max(tonumber(next[2]), gates[ch])) end
end
-- Those whom nobody asked for go when no other is due, and as many at once as the replicator says.
local kinds = a.quiet and { 'ready', 'quiet' } or { 'ready' }
for _, kind in ipairs(kinds) do
  for _, ch in ipairs(a.channels) do
    local gate = gates[ch]
    local first = call('ZRANGE', key(kind, ch), 0, 0, 'WITHSCORES')
    if first[1] and gate <= now then
      local score = tonumber(first[2])
      if score < bestRank then best, bestUser, bestRank = ch, first[1], score end
    elseif first[1] then
      wakeAt = math.min(wakeAt, gate)
    end
  end
  if best then break end
end
if not best then return { false, wakeAt == math.huge and '-1' or string.format('%.0f', wakeAt) } end

-- Where several channels wait for the user, a peer that failed last does not go before one that did not.
local function failuresOf(ch)
  local own = get(ch, bestUser)
  return math.max(tonumber(call('HGET', key('breaker', ch), 'failures') or 0), own and own[FAILS] or 0)
end
for _, ch in ipairs(a.channels) do
  if gates[ch] <= now and failuresOf(ch) < failuresOf(best) and call('ZSCORE', key('ready', ch), bestUser) then
    best = ch
  end
end

local r = get(best, bestUser)
local isFullDue = r[FULLBASE] + interval <= now
local type = 'normal'
local isProof = r[UNPROVEN] > 0 and r[PRIO] == 0
if isProof or has(r, WANTS_FULL) or not has(r, FULL_SYNCED) or isFullDue then type = 'full'
elseif has(r, HAS_STATE) then type = 'incremental' end
local l = {
  ch = best, user = bestUser, session = a.session, type = type, prio = r[PRIO],
  -- A full sync covers what those before it could not prove, too.
  asked = type == 'full' and behindSince(r) or r[ASKED],
  proved = has(r, FULL_SYNCED) and r[FULLBASE] or 0,
  at = now, probe = breakerStarted(best), fails = r[FAILS], quickRetries = r[QUICK_RETRIES],
}
saveLease(a.id, l)
call('HSET', base .. 'busy', bestUser, a.id .. ' ' .. best)
waitersToLease(best, bestUser, a.id)
placeEverywhere(bestUser)
return answer(l)
`;

/** Frees the user of a lease as if the claim had not been. */
export const abandon = `
local function free(id, l)
  call('HDEL', base .. 'leases', id)
  local _, busyId = running(l.user)
  if busyId == id then call('HDEL', base .. 'busy', l.user) end
end

local function abandonLease(id)
  local l = lease(id)
  if not l then return 0 end
  free(id, l)
  breakerUndecided(l.ch, l.probe)
  waitersBack(l.ch, l.user, id)
  placeEverywhere(l.user)
  return 1
end
`;

export const abandonScript = `
local count = 0
for _, id in ipairs(a.ids) do count = count + abandonLease(id) end
return { count, readyCount() }
`;

/** A replicator is there: it may claim. Answers 1 when due times stand as its settings and its clock would have them. */
export const joinScript = `
call('SADD', base .. 'sessions', a.session)
for _, ch in ipairs(a.channels) do call('SADD', base .. 'channels', ch) end
local before = call('HGET', KEYS[1], 'interval')
local latest = tonumber(call('HGET', KEYS[1], 'clock') or 0)
call('HSET', KEYS[1], 'interval', interval, 'clock', now)
return before == tostring(interval) and latest <= now + C.CLOCK_SLACK and 1 or 0
`;

/** A replicator is gone: its leases end. Its id never comes back, so that whatever it still sends is refused. */
export const leaveScript = `
call('SREM', base .. 'sessions', a.session)
call('HDEL', base .. 'members', a.session)
local ids, freed = call('HKEYS', base .. 'leases'), 0
local mark = a.session .. '/'
for _, id in ipairs(ids) do
  if string.sub(id, 1, #mark) == mark then freed = freed + abandonLease(id) end
end
return { freed, readyCount() }
`;

/**
 * Applies the outcome as \`finishSync\` of the model does; \`ARGV[2]\` is the state. Answers \`{1, ready}\`,
 * or \`{0, ready}\` when the lease is not (or no longer) there: the fencing.
 */
export const completeScript = `
local l = lease(a.id)
if not l then return { 0, readyCount() } end
free(a.id, l)
local ch, user, more = l.ch, l.user, l.more
local awaiting = base .. 'awaiting:' .. a.id
local r = not l.stale and get(ch, user) or nil
if not r then
  breakerUndecided(ch, l.probe)
  answerSet(awaiting, a.outcome)
  placeEverywhere(user)
  return { 1, readyCount() }
end

r[FAST] = l.at
if a.isFailure then
  r[FAILS] = math.min(255, r[FAILS] + 1)
  mark(r, FAILED)
  if a.failure then call('HSET', key('failures', ch), user, a.failure)
  else call('HDEL', key('failures', ch), user) end
elseif a.outcome ~= 'busy' then
  r[FAILS] = 0
  if has(r, FAILED) then call('HDEL', key('failures', ch), user) end
  clear(r, FAILED)
end
if a.keepsState and a.full then
  r[FULLBASE] = l.at
  mark(r, FULL_SYNCED)
  if not (more and more.full) then clear(r, WANTS_FULL) end
end
-- Only a full sync that ends well proves both sides equal.
if a.outcome == 'ok' and a.full then r[UNPROVEN] = 0
elseif a.proofAfterMs and r[UNPROVEN] == 0 then r[UNPROVEN] = l.at end
if a.hasState and ARGV[2] == '' then
  clear(r, HAS_STATE)
  call('HDEL', key('states', ch), user)
elseif a.hasState and a.keepsState then
  mark(r, HAS_STATE)
  call('HSET', key('states', ch), user, ARGV[2])
end
if a.outcome == 'ok' then
  r[SUCCESS] = now
  if not l.doubted then clear(r, DOUBTED) end
end

local function takeUpMore()
  r[PRIO] = more and more.prio or 0
  r[ASKED] = more and more.asked or 0
end
-- As planProof of the model.
local function planProof()
  if r[UNPROVEN] == 0 then return 0 end
  local pause = a.proofAfterMs or C.PROOF_PAUSE_MS
  local isOverdue = now - r[UNPROVEN] >= C.PROOF_PAUSES_MAX * pause
  if isOverdue then mark(r, WANTS_FULL) end
  if more then return 0 end
  return isOverdue and now or now + pause
end
local isGone = false
if a.next == 'full-sync-interval' then
  r[QUICK_RETRIES] = 0
  takeUpMore()
  -- An engine that answers "ok" without the full sync that was asked for would be asked at once again.
  local proofAt = planProof()
  r[HOLD] = (l.type == 'full' and not a.full and not more) and now + a.failureInterval or proofAt
elseif a.next == 'soon' then
  r[QUICK_RETRIES] = math.min(255, r[QUICK_RETRIES] + 1)
  r[HOLD] = now + a.delayMs
elseif a.next == 'backoff' then
  r[HOLD] = now + a.delayMs
elseif a.next == 'quarantine' then
  r[HOLD] = 0
  -- Whoever asked by hand while this sync ran wants to see another try.
  if not (more and more.byOperator) then mark(r, QUARANTINED) end
elseif more then
  -- Forgotten, but notified while the sync ran: the user may have been made just then.
  r[HOLD] = 0
  takeUpMore()
  clear(r, HAS_STATE)
  call('HDEL', key('states', ch), user)
else
  forget(ch, user, r)
  isGone = true
end
if more and not isGone then hurry(r, more.prio, more.byOperator) end
if not isGone then place(ch, user, r) end

local isHeldBack = false
if a.outcome == 'transient' then isHeldBack = breakerFailed(ch, user, a.reason, l.probe, a.fraction)
elseif a.outcome == 'ok' or a.outcome == 'changed' then breakerSucceeded(ch, user)
else breakerUndecided(ch, l.probe) end

answerSet(awaiting, a.outcome)
if isGone or (a.next == 'quarantine' and has(r, QUARANTINED)) then answerUser(ch, user, a.outcome) end
if isHeldBack then answerChannel(ch, 'transient') end
placeEverywhere(user)
return { 1, readyCount() }
`;
