-- How available integrations were: good and bad requests and the share of good ones, as objectives count them, by time bucket.
-- Whole hours (UTC), which count where they begin; so do hours that a time zone's day cuts in two.
-- @param from time -30d Start of the window; hours that begin from it on are in it.
-- @param to time now End of the window; hours that begin before it are in it.
-- @param bucket duration 1d Width of a time bucket, an hour or more; without tz buckets are aligned to 1970-01-01T00:00:00Z.
-- @param tz zone - Time zone of the buckets, such as Europe/Berlin: 1d and 1w are then days and weeks (from Monday) there.
-- @param integration names - Only these integrations, with commas between; * is any.
-- @param counted one_of(both|traffic|checks) both What counts: calls on behalf of traffic, checks, or both.

WITH counted AS (
    SELECT hour, integration, good, sum(calls)::BIGINT AS requests
    FROM calls_hourly
    WHERE origin = 'traffic' AND good IS NOT NULL AND $counted != 'checks' AND hour >= $from AND hour < $to
    GROUP BY ALL
    UNION ALL
    SELECT hour, integration, good, sum(checks)::BIGINT
    FROM checks_hourly
    WHERE good IS NOT NULL AND $counted != 'traffic' AND hour >= $from AND hour < $to
    GROUP BY ALL
), hours AS (
    SELECT hour, zone_bucket(hour, greatest($bucket, 3600), $tz) AS bucket_start
    FROM (SELECT DISTINCT hour FROM counted)
)
SELECT
    bucket_start,
    integration,
    coalesce(sum(requests) FILTER (WHERE good), 0)::BIGINT AS good,
    coalesce(sum(requests) FILTER (WHERE NOT good), 0)::BIGINT AS bad,
    coalesce(sum(requests) FILTER (WHERE counted.good), 0) / sum(requests) AS availability
FROM counted
JOIN hours USING (hour)
WHERE $integration IS NULL OR list_contains($integration::VARCHAR[], integration)
GROUP BY bucket_start, integration
ORDER BY bucket_start, integration
