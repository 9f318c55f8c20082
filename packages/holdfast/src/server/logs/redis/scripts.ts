import { createHash } from 'node:crypto';

/**
 * What is done in Redis, each in one atomic step. A topic has two keys:
 *
 *   state      hash: epoch, top (the newest offset), floor (the newest one that is gone), bytes (of the payloads
 *              between), reign and process (see below), past (epochs that ended, with what of each is left),
 *              prolonged (when the TTLs were set)
 *   messages   stream: an entry's id is its offset; `t` is when it was appended, `p` its payload
 *
 * and one for each session that publishes: a string of its newest publishes, of each the sequence, the position and
 * when the TTL was set.
 * Offsets are contiguous over all epochs of a topic, so a message's `previous` is its offset less one.
 */
export interface Script {
  readonly name: string;
  readonly text: string;
  readonly sha: string;
}

/** How long the state of a topic outlives its messages: whoever has them all must not be told of a gap. */
const STATE_TTL_MS = 86_400_000;
/** Keys get a new TTL when the last one was given this long ago. */
const TTL_INTERVAL_MS = 60_000;
/** So they are kept longer than was promised by this much; and the clocks of nodes and of Redis differ. */
const TTL_SLACK_MS = 2 * TTL_INTERVAL_MS;
/** Messages that one call drops at most, so that a smaller retention does not stop Redis while it is applied. */
const DROPS_MAX = 1_024;
/** Four doubles, in the string that a session's publishes are remembered in. */
const PUBLISH_BYTES = 32;
/** Epochs that a topic remembers: positions of older ones read on from the start of what is kept. */
const PAST_MAX = 16;

/**
 * `reign` is the id under which this process writes its replication history, and `process` the process itself.
 * Another of them may lack what its predecessor had acknowledged: a replica that was promoted, a restart from disk.
 * Only a process that was never a replica may change its history and still have everything (it does when its first
 * replica comes, and when the last one has long been gone).
 */
const topic = `
local state, messages = KEYS[1], KEYS[2]
local epoch, top, floor, bytes, prolonged

local function open()
  local is = redis.call('HMGET', state, 'epoch', 'top', 'floor', 'bytes', 'prolonged', 'reign')
  local history = redis.call('INFO', 'replication')
  if is[1] then
    epoch, top, floor, bytes, prolonged = is[1], tonumber(is[2]), tonumber(is[3]), tonumber(is[4]), is[5]
    if string.find(history, 'master_replid:' .. is[6], 1, true) then return end
  end

  local reign = string.match(history, 'master_replid:(%x+)')
  local process = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  if not is[1] then
    epoch, top, floor, bytes, prolonged = ARGV[1], 0, 0, 0, 0
    redis.call('HSET', state, 'epoch', epoch, 'top', 0, 'floor', 0, 'bytes', 0, 'prolonged', 0,
      'reign', reign, 'process', process, 'past', '')
    -- Not before: a full Redis refuses a script's first write only.
    redis.call('UNLINK', messages)
    -- Until it has a message; then that one sets it.
    redis.call('PEXPIRE', state, ARGV[5] + ${STATE_TTL_MS})
    return
  end

  local was = redis.call('HMGET', state, 'process', 'past')
  if was[1] == process and string.match(history, 'master_replid2:0+%c') then
    redis.call('HSET', state, 'reign', reign)
    return
  end
  local past, kept = epoch .. ':' .. top .. ' ' .. was[2], 0
  for cut in string.gmatch(past, '() ') do
    kept = kept + 1
    if kept == ${PAST_MAX} then past = string.sub(past, 1, cut) break end
  end
  epoch = ARGV[1]
  redis.call('HSET', state, 'epoch', epoch, 'reign', reign, 'process', process, 'past', past)
end

-- Drops what is beyond the retention.
local function trim()
  local now, countMax, bytesMax, ageMax = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
  local before, batch, dropped, kept = floor, 1, 0, false
  while floor < top and not kept and dropped < ${DROPS_MAX} do
    local entries = redis.call('XRANGE', messages, floor + 1, '+', 'COUNT', batch)
    -- Nothing is wanted of them but their size, so large ones are fetched one at a time.
    batch = math.max(1, math.min(16, math.floor(65536 * (top - floor) / (bytes + 1))))
    if #entries == 0 then floor, bytes = top, 0 end
    for _, entry in ipairs(entries) do
      kept = top - floor <= countMax and bytes <= bytesMax and now - entry[2][2] <= ageMax
      if kept then break end
      floor, bytes, dropped = tonumber(string.match(entry[1], '%d+')), bytes - #entry[2][4], dropped + 1
    end
  end
  if floor == before then return end
  redis.call('XTRIM', messages, 'MINID', floor + 1)
  redis.call('HSET', state, 'floor', floor, 'bytes', bytes)
end
`;

/**
 * Every message waits for this one. A call takes Redis about a microsecond, and so do a function that is defined and
 * two numbers that become text: hence few of them.
 */
const append = `
local dedup, sequence, now, payload = KEYS[3], tonumber(ARGV[6]), ARGV[2], ARGV[8]
local newest = redis.call('GETRANGE', dedup, -${PUBLISH_BYTES}, -1)
local highest, remembered, _ = 0, 0
if newest ~= '' then highest, _, _, remembered = struct.unpack('>dddd', newest) end
if sequence <= highest then
  local publishes = redis.call('GETRANGE', dedup, 0, -1)
  for at = 1, #publishes, ${PUBLISH_BYTES} do
    local known, inEpoch, offset = struct.unpack('>ddd', publishes, at)
    if known == sequence then return {'duplicate', string.format('%.0f', inEpoch), offset} end
  end
  return {'stale'}
end
-- One that was sent before this one is still to come: it would be stale, had this one been applied first.
if tonumber(ARGV[7]) > highest then return {'early'} end

open()
top, bytes = top + 1, bytes + #payload
-- TTLs are set now and then, and longer by as much: setting each at each append would take as long as the append.
local topicIsDue = math.abs(now - prolonged) >= ${TTL_INTERVAL_MS}
local dedupIsDue = math.abs(now - remembered) >= ${TTL_INTERVAL_MS}
if topicIsDue then prolonged = now end
if dedupIsDue then remembered = now end
redis.call('XADD', messages, top, 't', now, 'p', payload)
local length = redis.call('APPEND', dedup, struct.pack('>dddd', sequence, epoch, top, remembered))
redis.call('HSET', state, 'top', top, 'bytes', bytes, 'prolonged', prolonged)
if topicIsDue then
  redis.call('PEXPIRE', messages, ARGV[5] + ${TTL_SLACK_MS})
  redis.call('PEXPIRE', state, ARGV[5] + ${STATE_TTL_MS})
end
if dedupIsDue then redis.call('PEXPIRE', dedup, ARGV[10] + ${TTL_SLACK_MS}) end
-- Those that may be forgotten are dropped many at a time.
local window = ARGV[9] * ${PUBLISH_BYTES}
if length >= 2 * window then redis.call('SET', dedup, redis.call('GETRANGE', dedup, -window, -1), 'KEEPTTL') end
-- Exactly what the retention wants is left to readers and to the upkeep: here it would cost each append a read.
if top - floor > ARGV[3] * 1.1 + 16 or bytes > ARGV[4] * 1.1 then trim() end
redis.call(ARGV[12], ARGV[11], struct.pack('>dd', epoch, top) .. payload)
return {'appended', epoch, top}
`;

const look = `
open() trim()
-- A topic that somebody asks about is not forgotten, however long it is silent.
local ttl = ARGV[5] + ${STATE_TTL_MS}
if redis.call('PTTL', state) < ttl / 2 then redis.call('PEXPIRE', state, ttl) end
return {epoch, top, floor}
`;

/** The newest message, unless it is the one that the caller knows of. */
const peek = `
open()
if epoch == ARGV[6] and top <= tonumber(ARGV[7]) then return {} end
local newest = redis.call('XREVRANGE', messages, '+', '-', 'COUNT', 1)[1]
if not newest or newest[1] ~= top .. '-0' then return {} end
return {epoch, top, newest[2][4]}
`;

const read = `
open() trim()
local epochAsked, after = ARGV[6], tonumber(ARGV[7])
local previous, reason = math.max(after, floor), ''
if epochAsked == epoch and after <= top then
  if previous > after then reason = 'retention' end
else
  reason = 'epoch'
  -- Of an epoch that ended this much is left; of one that nobody remembers, nothing.
  local left, survived = after, 0
  for ended, last in string.gmatch(redis.call('HGET', state, 'past'), '(%d+):(%d+) ') do
    left = math.min(left, tonumber(last))
    if ended == epochAsked then survived = left break end
  end
  previous = math.max(survived, floor)
end

local reply, taken, takenBytes, size, at = {epoch, previous, reason}, 0, 0, 0, previous
local messagesMax, pageBytesMax = tonumber(ARGV[8]), tonumber(ARGV[9])
local batch = 4
while at < top and taken < messagesMax do
  local entries = redis.call('XRANGE', messages, at + 1, '+', 'COUNT', math.min(batch, messagesMax - taken))
  if #entries == 0 then break end
  for _, entry in ipairs(entries) do
    size = #entry[2][4]
    if taken > 0 and takenBytes + size > pageBytesMax then return reply end
    local offset = string.match(entry[1], '%d+')
    takenBytes, taken, at = takenBytes + size, taken + 1, tonumber(offset)
    reply[#reply + 1] = offset
    reply[#reply + 1] = entry[2][4]
  end
  -- About as many as still fit, so that large messages are not fetched in vain.
  batch = math.max(1, math.min(128, math.ceil((pageBytesMax - takenBytes) * taken / (takenBytes + 1))))
end
return reply
`;

/** Succeeds only where writes do; heard by the subscriber only if both its connections lead to the same, living primary. */
const probe = `
if not string.find(redis.call('INFO', 'replication'), 'role:master', 1, true) then
  return redis.error_reply('READONLY This is a replica.')
end
redis.call('SET', KEYS[1], '', 'PX', ${TTL_INTERVAL_MS})
return redis.call(ARGV[1], ARGV[2], '')
`;

/** Whose prefix this is: the first deployment's that comes. */
const claim = `
redis.call('HSETNX', KEYS[1], 'key', ARGV[1])
redis.call('HSETNX', KEYS[1], 'layout', ARGV[2])
redis.call('HSETNX', KEYS[1], 'deployment', ARGV[3])
return redis.call('HMGET', KEYS[1], 'key', 'layout', 'deployment')
`;

function script(name: string, text: string): Script {
  return { name, text, sha: createHash('sha1').update(text).digest('hex') };
}

export const scripts = {
  append: script('append', topic + append),
  look: script('look', topic + look),
  peek: script('peek', topic + peek),
  read: script('read', topic + read),
  probe: script('probe', probe),
  claim: script('claim', claim),
} as const;
