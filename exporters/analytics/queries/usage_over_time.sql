-- How much each caller uses over time: runs of actions on behalf of traffic, by time bucket and caller.
-- A run that lasts over the edge of a bucket counts where its first request began and, where it went on, there too.
-- Runs that an injected fault struck (a game day) are counted, their failures are not.
-- @param from time -24h Start of the window, inclusive.
-- @param to time now End of the window, exclusive.
-- @param bucket duration 1h Width of a time bucket; buckets are aligned to 1970-01-01T00:00:00Z.
-- @param integration names - Only these integrations, with commas between; * is any.

SELECT
    time_bucket(to_seconds($bucket), ts, TIMESTAMP '1970-01-01') AS bucket_start,
    caller,
    count(DISTINCT run_id) AS runs,
    count(DISTINCT run_id) FILTER (WHERE kind IS NOT NULL AND injected IS NOT TRUE) AS runs_with_failure
FROM calls
WHERE ts >= $from AND ts < $to
    AND origin = 'traffic'
    AND ($integration IS NULL OR list_contains($integration::VARCHAR[], integration))
GROUP BY bucket_start, caller
ORDER BY bucket_start, caller
