-- Calls by hour, counted: what panels and percentiles over weeks are made of. It outlives the calls themselves.
-- An hour that has just ended is counted from the calls until its rollup is made, within minutes.
-- @column hour TIMESTAMP Start of the hour (UTC).
-- @column integration VARCHAR The integration's id.
-- @column vendor VARCHAR The vendor's id.
-- @column origin VARCHAR On whose behalf: traffic, check, delivery, export, credential or status.
-- @column source VARCHAR Where the answer came from: live, shared, stale or fallback.
-- @column kind VARCHAR Why the calls failed; NULL: they succeeded.
-- @column injected BOOLEAN Whether an operator's injected fault struck them.
-- @column good BOOLEAN Whether they count as good or as bad for an objective; NULL: they do not count.
-- @column bucket INTEGER Logarithmic bucket of their duration: 1.05^bucket seconds and more, below 1.05^(bucket+1).
-- @column calls BIGINT How many calls.
-- @column seconds DOUBLE Sum of their durations, in seconds.

SELECT hour, integration, vendor, origin, source, kind, injected, good, bucket, calls, seconds
FROM rollup_calls
UNION ALL
SELECT hour, integration, vendor, origin, source, kind, injected, good, bucket, calls, seconds
FROM calls_by_hour(rolled_until_calls(), TIMESTAMP 'infinity', 0, 1)
