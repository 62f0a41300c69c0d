-- How much of each quota was left when least was, and for how long vendors asked for quiet. The tightest come first.
-- Whole hours (UTC), which count where they begin.
-- @param from time -7d Start of the window; hours that begin from it on are in it.
-- @param to time now End of the window; hours that begin before it are in it.
-- @param integration names - Only these integrations, with commas between; * is any.

SELECT
    integration,
    vendor,
    bucket,
    max_by(quota_limit, hour) AS quota_limit,
    min(least_remaining) AS least_remaining,
    min(least_share) AS least_share,
    min_by(hour, least_remaining) AS least_at,
    max_by(last_remaining, hour) AS last_remaining,
    sum(throttled_seconds) AS throttled_seconds,
    sum(samples)::BIGINT AS samples
FROM quota_hourly
WHERE hour >= $from AND hour < $to
    AND ($integration IS NULL OR list_contains($integration::VARCHAR[], integration))
GROUP BY integration, vendor, bucket
ORDER BY least_share NULLS LAST, throttled_seconds DESC, integration, vendor, bucket
