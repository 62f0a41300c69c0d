-- How long live calls took, by hour, from logarithmic buckets that are 5 % wide: percentiles are at most 2.5 % off.
-- Calls that Dialtone refused, that their caller cancelled or that an injected fault struck are left out.
-- @column hour TIMESTAMP Start of the hour (UTC).
-- @column integration VARCHAR The integration's id.
-- @column vendor VARCHAR The vendor's id.
-- @column origin VARCHAR On whose behalf: traffic, check, delivery, export, credential or status.
-- @column calls BIGINT How many calls.
-- @column failures BIGINT How many of them failed.
-- @column mean DOUBLE Their mean duration, in seconds, exact.
-- @column p50 DOUBLE Half of them took at most so many seconds (nearest rank).
-- @column p95 DOUBLE 95 % of them took at most so many seconds.
-- @column p99 DOUBLE 99 % of them took at most so many seconds.

WITH counted AS (
    SELECT
        hour, integration, vendor, origin, bucket,
        sum(calls)::BIGINT AS calls,
        coalesce(sum(calls) FILTER (WHERE kind IS NOT NULL), 0)::BIGINT AS failures,
        sum(seconds) AS seconds
    FROM calls_hourly
    WHERE source = 'live' AND NOT injected AND (kind IS NULL OR kind NOT IN ('rejected', 'cancelled'))
    GROUP BY ALL
), ranked AS (
    SELECT
        *,
        sum(calls) OVER (PARTITION BY hour, integration, vendor, origin ORDER BY bucket)::BIGINT AS upto,
        sum(calls) OVER (PARTITION BY hour, integration, vendor, origin)::BIGINT AS total
    FROM counted
)
SELECT
    hour,
    integration,
    vendor,
    origin,
    sum(calls)::BIGINT AS calls,
    sum(failures)::BIGINT AS failures,
    sum(seconds) / sum(calls) AS mean,
    bucket_seconds(min(bucket) FILTER (WHERE upto >= ceil(0.50 * total))) AS p50,
    bucket_seconds(min(bucket) FILTER (WHERE upto >= ceil(0.95 * total))) AS p95,
    bucket_seconds(min(bucket) FILTER (WHERE upto >= ceil(0.99 * total))) AS p99
FROM ranked
GROUP BY hour, integration, vendor, origin
