/** Requests merge into the record; those that come while the user is being synced into its lease too. */
export const requests = `
local function hurry(r, prio, byOperator)
  if byOperator then
    local was = has(r, QUARANTINED) or r[HOLD] > 0
    clear(r, QUARANTINED)
    r[HOLD] = 0
    return was
  end
  if prio < C.SYNC_PRIORITY or r[HOLD] == 0 then return false end
  local earliest = r[FAST] + (has(r, FAILED) and C.BACKOFF_FIRST_MS or C.QUICK_RETRY_FIRST_MS)
  if earliest >= r[HOLD] then return false end
  r[HOLD] = earliest
  return true
end

local function mergeMore(id, prio, full, byOperator)
  local l = lease(id)
  if not l or l.stale then return end
  local more = l.more or { prio = 0, full = false, byOperator = false, asked = now }
  more.prio = math.max(more.prio, prio)
  more.full = more.full or full
  more.byOperator = more.byOperator or byOperator
  l.more = more
  saveLease(id, l)
end

-- True when the user is ready now and was not before; nil when there are too many users.
local function request(ch, user, prio, full, byOperator)
  local r = get(ch, user)
  local busyOn, id = running(user)
  local isPlain = not full and not byOperator
  if r and not busyOn and isPlain and r[PRIO] >= prio and (prio < C.SYNC_PRIORITY or r[HOLD] == 0) then return false end
  local changed = not r
  if not r then
    r = create(ch)
    if not r then return nil end
  end
  if busyOn == ch then mergeMore(id, prio, full, byOperator) end
  -- A change does not wait for the user to be quiet.
  if r[UNPROVEN] > 0 and r[PRIO] == 0 and not has(r, FAILED) and r[QUICK_RETRIES] == 0 then r[HOLD] = 0 end
  if r[PRIO] < prio then r[PRIO] = prio; changed = true end
  if r[ASKED] == 0 then r[ASKED] = now; changed = true end
  if full and not has(r, WANTS_FULL) then mark(r, WANTS_FULL); changed = true end
  if hurry(r, prio, byOperator) then changed = true end
  if not changed then return false end
  local was = r[PLACE]
  return place(ch, user, r) and was ~= 1
end
`;

/** `rows`: name, priority, full, byOperator. Answers how many became ready, then the names for whom there was no room. */
export const requestScript = `
local answer, leftOut = { 0 }, {}
for _, ch in ipairs(a.onto) do
  call('SADD', base .. 'channels', ch)
  for _, w in ipairs(a.rows) do
    local ready = request(ch, w[1], w[2], w[3] == 1, w[4] == 1)
    if ready then answer[1] = answer[1] + 1 end
    if ready == nil and not leftOut[w[1]] then
      leftOut[w[1]] = true
      table.insert(answer, w[1])
    end
  end
end
return answer
`;

/**
 * `names`: users to be known; with `doubted` it is not known whether they are replicated. Answers how many are
 * due because of it, then the names for whom there was no room.
 */
export const addScript = `
call('SADD', base .. 'channels', a.channel)
local answer = { 0 }
local function add(name)
  local r = get(a.channel, name)
  local isNew = not r
  if isNew then
    r = create(a.channel)
    if not r then
      table.insert(answer, name)
      return
    end
  end
  local busyOn, id = running(name)
  local l = a.doubted and busyOn == a.channel and lease(id)
  if l then
    l.doubted = true
    saveLease(id, l)
  end
  local isDoubt = a.doubted and not has(r, DOUBTED)
  if isDoubt then mark(r, DOUBTED) end
  if (isNew or isDoubt) and place(a.channel, name, r) then answer[1] = answer[1] + 1 end
end
for _, name in ipairs(a.names) do add(name) end
return answer
`;

export const removeScript = `
local r = get(a.channel, a.user)
if not r then return 0 end
local busyOn, id = running(a.user)
if busyOn == a.channel then
  local l = lease(id)
  if l then
    l.stale = true
    saveLease(id, l)
  end
end
forget(a.channel, a.user, r)
answerUser(a.channel, a.user, 'noreplicate')
return 1
`;

/** Answers the outcome when no sync will start soon, else nothing: the waiter is noted. */
export const waitScript = `
if gateAt(a.channel) > now then return 'transient' end
local r = get(a.channel, a.user)
if r and has(r, QUARANTINED) then return 'operator' end
if r and has(r, PAUSED) then return 'transient' end
call('SADD', awaits(a.channel, a.user), a.waiter)
call('PEXPIRE', awaits(a.channel, a.user), AWAIT_MS_MAX)
call('SADD', key('awaited', a.channel), a.user)
return false
`;

export const unwaitScript = `
call('SREM', awaits(a.channel, a.user), a.waiter)
return 0
`;

export const pauseScript = `
if a.paused then
  call('SADD', base .. 'paused', a.channel)
  answerChannel(a.channel, 'transient')
else
  call('SREM', base .. 'paused', a.channel)
end
return 0
`;

/** `names`: whom to stop or to let go on, as far as they are known. Answers how many are ready because of it. */
export const pauseUsersScript = `
local ready = 0
for _, name in ipairs(a.names) do
  local r = get(a.channel, name)
  if r and has(r, PAUSED) ~= a.paused then
    if a.paused then mark(r, PAUSED) else clear(r, PAUSED) end
    if place(a.channel, name, r) then ready = ready + 1 end
  end
  if r and a.paused then answerUser(a.channel, name, 'transient') end
end
return ready
`;
