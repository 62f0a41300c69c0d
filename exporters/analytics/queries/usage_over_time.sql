-- How much each caller uses over time: runs of actions on behalf of traffic, by time bucket and caller.
-- A run counts in each bucket in which one of its requests ended.
-- Runs that an injected fault struck (a game day) are counted, their failures are not.
-- @param from time -24h Start of the window, inclusive.
-- @param to time now End of the window, exclusive.
-- @param bucket duration 1h Width of a time bucket; without tz buckets are aligned to 1970-01-01T00:00:00Z.
-- @param tz zone - Time zone of the buckets, such as Europe/Berlin: 1h, 1d and 1w are then hours, days and weeks (from Monday) there.
-- @param integration names - Only these integrations, with commas between; * is any.

WITH quarters AS (
    SELECT quarter, zone_bucket(quarter, $bucket, $tz) AS bucket_start
    FROM range(time_bucket(INTERVAL 15 MINUTE, $from::TIMESTAMP), $to::TIMESTAMP, INTERVAL 15 MINUTE) AS grid(quarter)
)
SELECT
    CASE WHEN $bucket < 3600 THEN zone_bucket(ts, $bucket, NULL) ELSE quarters.bucket_start END AS bucket_start,
    caller,
    count(DISTINCT run_id) AS runs,
    count(DISTINCT run_id) FILTER (WHERE kind IS NOT NULL AND injected IS NOT TRUE) AS runs_with_failure
FROM calls
JOIN quarters ON quarters.quarter = time_bucket(INTERVAL 15 MINUTE, ts)
WHERE ts >= $from AND ts < $to
    AND origin = 'traffic'
    AND ($integration IS NULL OR list_contains($integration::VARCHAR[], integration))
GROUP BY ALL
ORDER BY bucket_start, caller
