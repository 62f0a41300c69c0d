-- Checks by hour, counted. It outlives the checks themselves.
-- @column hour TIMESTAMP Start of the hour (UTC).
-- @column integration VARCHAR The integration's id.
-- @column vendor VARCHAR The vendor's id.
-- @column capability VARCHAR What the checks tell of: a group of the vendor's actions.
-- @column ran BOOLEAN Whether they were made; false: the vendor had asked for quiet.
-- @column kind VARCHAR Why they failed; NULL: they succeeded.
-- @column injected BOOLEAN Whether an operator's injected fault struck them.
-- @column good BOOLEAN Whether they count as good or as bad for an objective; NULL: they do not count.
-- @column bucket INTEGER Logarithmic bucket of their duration, as in calls_hourly.
-- @column checks BIGINT How many checks.
-- @column seconds DOUBLE Sum of their durations, in seconds.

SELECT hour, integration, vendor, capability, ran, kind, injected, good, bucket, checks, seconds
FROM rollup_checks
UNION ALL
SELECT hour, integration, vendor, capability, ran, kind, injected, good, bucket, checks, seconds
FROM checks_by_hour(rolled_until_checks(), TIMESTAMP 'infinity', 0, 1)
