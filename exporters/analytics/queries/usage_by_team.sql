-- How much each team uses over time: runs of actions on behalf of traffic, by time bucket and the team of the caller's token.
-- The team is the one that the token said at the time; empty where it said none. A run counts in each bucket in which one of its requests ended.
-- Runs that an injected fault struck (a game day) are counted, their failures are not. usage_daily reaches back further.
-- @param from time -7d Start of the window, inclusive.
-- @param to time now End of the window, exclusive.
-- @param bucket duration 1d Width of a time bucket; without tz buckets are aligned to 1970-01-01T00:00:00Z.
-- @param tz zone - Time zone of the buckets, such as Europe/Berlin: 1h, 1d and 1w are then hours, days and weeks (from Monday) there.
-- @param integration names - Only these integrations, with commas between; * is any.
-- @param team text - Only this team.

WITH quarters AS (
    SELECT quarter, zone_bucket(quarter, $bucket, $tz) AS bucket_start
    FROM range(time_bucket(INTERVAL 15 MINUTE, $from::TIMESTAMP), $to::TIMESTAMP, INTERVAL 15 MINUTE) AS grid(quarter)
), runs AS (
    SELECT
        CASE WHEN $bucket < 3600 THEN zone_bucket(ts, $bucket, NULL) ELSE quarters.bucket_start END AS bucket_start,
        coalesce(declared_callers.team, '') AS team,
        caller,
        run_id,
        count(*) FILTER (WHERE source = 'live') AS requests,
        coalesce(bool_or(kind NOT IN ('rejected', 'cancelled') AND injected IS NOT TRUE), false) AS is_failed
    FROM calls
    JOIN quarters ON quarters.quarter = time_bucket(INTERVAL 15 MINUTE, ts)
    LEFT JOIN declared_callers
        ON token = split_part(caller, '/', 1) AND ts >= valid_from AND (valid_to IS NULL OR ts < valid_to)
    WHERE ts >= $from AND ts < $to
        AND origin = 'traffic'
        AND ($integration IS NULL OR list_contains($integration::VARCHAR[], integration))
    GROUP BY ALL
)
SELECT
    bucket_start,
    team,
    count(DISTINCT caller) AS callers,
    count(DISTINCT run_id) AS runs,
    count(DISTINCT run_id) FILTER (WHERE is_failed) AS failures,
    sum(requests)::BIGINT AS requests
FROM runs
WHERE $team IS NULL OR team = $team
GROUP BY bucket_start, team
ORDER BY bucket_start, team
