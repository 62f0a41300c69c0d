-- Calls, failures, error ratio and latency percentiles by integration and time bucket.
-- Answers that took no request of their own (shared, stale, fallback) are no calls.
-- Calls that Dialtone refused and calls that their caller cancelled are neither failures nor in the ratio and percentiles.
-- Calls that an injected fault struck (a game day) are left out unless asked for.
-- @param from time -24h Start of the window, inclusive.
-- @param to time now End of the window, exclusive.
-- @param bucket duration 1h Width of a time bucket; buckets are aligned to 1970-01-01T00:00:00Z.
-- @param integration names - Only these integrations, with commas between; * is any.
-- @param origin one_of(traffic|check|delivery|export|credential|status|all) traffic On whose behalf the calls were made.
-- @param injected one_of(without|with|only) without Calls that an injected fault struck.

SELECT
    time_bucket(to_seconds($bucket), ts, TIMESTAMP '1970-01-01') AS bucket_start,
    integration,
    count(*) AS calls,
    count(*) FILTER (WHERE kind NOT IN ('rejected', 'cancelled')) AS failures,
    count(*) FILTER (WHERE kind = 'rejected') AS rejected,
    failures / nullif(count(*) FILTER (WHERE kind IS NULL OR kind NOT IN ('rejected', 'cancelled')), 0) AS error_ratio,
    quantile_cont(duration, 0.50) FILTER (WHERE kind IS NULL OR kind NOT IN ('rejected', 'cancelled')) AS p50,
    quantile_cont(duration, 0.95) FILTER (WHERE kind IS NULL OR kind NOT IN ('rejected', 'cancelled')) AS p95,
    quantile_cont(duration, 0.99) FILTER (WHERE kind IS NULL OR kind NOT IN ('rejected', 'cancelled')) AS p99
FROM calls
WHERE ts >= $from AND ts < $to
    AND ($integration IS NULL OR list_contains($integration::VARCHAR[], integration))
    AND ($origin = 'all' OR origin = $origin)
    AND source = 'live'
    AND ($injected = 'with' OR coalesce(injected, false) = ($injected = 'only'))
GROUP BY bucket_start, integration
ORDER BY bucket_start, integration
