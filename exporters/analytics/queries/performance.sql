-- Calls, failures, error ratio and latency percentiles by integration and time bucket.
-- Answers that took no request of their own (shared, stale, fallback) are no calls.
-- Calls that Dialtone refused and calls that their caller cancelled are neither failures nor in the ratio and percentiles.
-- Calls that an injected fault struck (a game day) are left out unless asked for.
-- @param from time -24h Start of the window, inclusive.
-- @param to time now End of the window, exclusive.
-- @param bucket duration 1h Width of a time bucket; without tz buckets are aligned to 1970-01-01T00:00:00Z.
-- @param tz zone - Time zone of the buckets, such as Europe/Berlin: 1h, 1d and 1w are then hours, days and weeks (from Monday) there.
-- @param integration names - Only these integrations, with commas between; * is any.
-- @param origin one_of(traffic|check|delivery|export|credential|status|all) traffic On whose behalf the calls were made.
-- @param injected one_of(without|with|only) without Calls that an injected fault struck.

WITH quarters AS (
    SELECT quarter, zone_bucket(quarter, $bucket, $tz) AS bucket_start
    FROM range(time_bucket(INTERVAL 15 MINUTE, $from::TIMESTAMP), $to::TIMESTAMP, INTERVAL 15 MINUTE) AS grid(quarter)
)
SELECT
    CASE WHEN $bucket < 3600 THEN zone_bucket(ts, $bucket, NULL) ELSE quarters.bucket_start END AS bucket_start,
    integration,
    count(*) AS calls,
    count(*) FILTER (WHERE kind NOT IN ('rejected', 'cancelled')) AS failures,
    count(*) FILTER (WHERE kind = 'rejected') AS rejected,
    failures / nullif(count(*) FILTER (WHERE kind IS NULL OR kind NOT IN ('rejected', 'cancelled')), 0) AS error_ratio,
    quantile_cont(duration, 0.50) FILTER (WHERE kind IS NULL OR kind NOT IN ('rejected', 'cancelled')) AS p50,
    quantile_cont(duration, 0.95) FILTER (WHERE kind IS NULL OR kind NOT IN ('rejected', 'cancelled')) AS p95,
    quantile_cont(duration, 0.99) FILTER (WHERE kind IS NULL OR kind NOT IN ('rejected', 'cancelled')) AS p99
FROM calls
JOIN quarters ON quarters.quarter = time_bucket(INTERVAL 15 MINUTE, ts)
WHERE ts >= $from AND ts < $to
    AND ($integration IS NULL OR list_contains($integration::VARCHAR[], integration))
    AND ($origin = 'all' OR origin = $origin)
    AND source = 'live'
    AND ($injected = 'with' OR coalesce(injected, false) = ($injected = 'only'))
GROUP BY ALL
ORDER BY bucket_start, integration
