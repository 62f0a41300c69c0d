-- How long live calls took, over months too: calls, mean and percentiles by integration and time bucket.
-- They come from hourly counts in buckets that are 5 % wide: a percentile (nearest rank) is at most 2.5 % off, the mean is exact.
-- Calls that Dialtone refused, that their caller cancelled or that an injected fault struck are left out.
-- Whole hours (UTC), which count where they begin; so do hours that a time zone's day cuts in two.
-- @param from time -30d Start of the window; hours that begin from it on are in it.
-- @param to time now End of the window; hours that begin before it are in it.
-- @param bucket duration 1d Width of a time bucket, an hour or more; without tz buckets are aligned to 1970-01-01T00:00:00Z.
-- @param tz zone - Time zone of the buckets, such as Europe/Berlin: 1d and 1w are then days and weeks (from Monday) there.
-- @param integration names - Only these integrations, with commas between; * is any.
-- @param origin one_of(traffic|check|delivery|export|credential|status|all) traffic On whose behalf the calls were made.

WITH hours AS (
    SELECT hour, zone_bucket(hour, greatest($bucket, 3600), $tz) AS bucket_start
    FROM (SELECT DISTINCT hour FROM calls_hourly WHERE hour >= $from AND hour < $to)
), gathered AS (
    SELECT
        bucket_start, integration, bucket,
        sum(calls)::BIGINT AS calls,
        coalesce(sum(calls) FILTER (WHERE kind IS NOT NULL), 0)::BIGINT AS failures,
        sum(seconds) AS seconds
    FROM calls_hourly
    JOIN hours USING (hour)
    WHERE hour >= $from AND hour < $to
        AND source = 'live' AND NOT injected AND (kind IS NULL OR kind NOT IN ('rejected', 'cancelled'))
        AND ($origin = 'all' OR origin = $origin)
        AND ($integration IS NULL OR list_contains($integration::VARCHAR[], integration))
    GROUP BY ALL
), ranked AS (
    SELECT
        *,
        sum(calls) OVER (PARTITION BY bucket_start, integration ORDER BY bucket)::BIGINT AS upto,
        sum(calls) OVER (PARTITION BY bucket_start, integration)::BIGINT AS total
    FROM gathered
)
SELECT
    bucket_start,
    integration,
    sum(calls)::BIGINT AS calls,
    sum(failures)::BIGINT AS failures,
    sum(seconds) / sum(calls) AS mean,
    bucket_seconds(min(bucket) FILTER (WHERE upto >= ceil(0.50 * total))) AS p50,
    bucket_seconds(min(bucket) FILTER (WHERE upto >= ceil(0.95 * total))) AS p95,
    bucket_seconds(min(bucket) FILTER (WHERE upto >= ceil(0.99 * total))) AS p99
FROM ranked
GROUP BY bucket_start, integration
ORDER BY bucket_start, integration
