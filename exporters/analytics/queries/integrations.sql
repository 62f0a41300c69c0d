-- What each integration was used for and how well it worked: callers, runs, calls, errors, latency, checks and its health.
-- Calls that Dialtone refused or a caller cancelled are in no ratio and percentile; those that an injected fault struck are left out.
-- `health` is the last verdict before the end of the window, of the integration as a whole.
-- @param from time -24h Start of the window, inclusive.
-- @param to time now End of the window, exclusive.
-- @param integration names - Only these integrations, with commas between; * is any.
-- @param vendor text - Only integrations of this vendor.

WITH used AS (
    SELECT
        integration,
        arg_max(vendor, ts) AS vendor,
        count(DISTINCT caller) AS callers,
        count(DISTINCT run_id) AS runs,
        count(*) FILTER (WHERE source = 'live') AS calls,
        count(*) FILTER (WHERE source = 'live' AND kind NOT IN ('rejected', 'cancelled')) AS failures,
        count(*) FILTER (WHERE source = 'live' AND kind = 'rejected') AS rejected,
        failures / nullif(count(*) FILTER (
            WHERE source = 'live' AND (kind IS NULL OR kind NOT IN ('rejected', 'cancelled'))
        ), 0) AS error_ratio,
        quantile_cont(duration, 0.50) FILTER (
            WHERE source = 'live' AND (kind IS NULL OR kind NOT IN ('rejected', 'cancelled'))
        ) AS p50,
        quantile_cont(duration, 0.95) FILTER (
            WHERE source = 'live' AND (kind IS NULL OR kind NOT IN ('rejected', 'cancelled'))
        ) AS p95,
        quantile_cont(duration, 0.99) FILTER (
            WHERE source = 'live' AND (kind IS NULL OR kind NOT IN ('rejected', 'cancelled'))
        ) AS p99,
        max(ts) AS last_used
    FROM calls
    WHERE ts >= $from AND ts < $to AND origin = 'traffic' AND injected IS NOT TRUE
    GROUP BY integration
),
checked AS (
    SELECT
        integration,
        arg_max(vendor, ts) AS vendor,
        count(*) FILTER (WHERE ran) AS checks,
        count(*) FILTER (WHERE ran AND kind IS NOT NULL) AS failed_checks
    FROM check_results
    WHERE ts >= $from AND ts < $to AND injected IS NOT TRUE
    GROUP BY integration
),
judged AS (
    SELECT
        integration,
        arg_max(vendor, (ts, seq)) AS vendor,
        arg_max(after, (ts, seq)) AS health,
        max(ts) AS health_changed_at
    FROM health_changes
    WHERE ts < $to AND capability = ''
    GROUP BY integration
)
SELECT
    integration,
    coalesce(used.vendor, checked.vendor, judged.vendor) AS vendor,
    health,
    health_changed_at,
    coalesce(callers, 0) AS callers,
    coalesce(runs, 0) AS runs,
    coalesce(calls, 0) AS calls,
    coalesce(failures, 0) AS failures,
    coalesce(rejected, 0) AS rejected,
    error_ratio,
    p50,
    p95,
    p99,
    last_used,
    coalesce(checks, 0) AS checks,
    coalesce(failed_checks, 0) AS failed_checks
FROM used
FULL JOIN checked USING (integration)
FULL JOIN judged USING (integration)
WHERE ($integration IS NULL OR list_contains($integration::VARCHAR[], integration))
    AND ($vendor IS NULL OR coalesce(used.vendor, checked.vendor, judged.vendor) = $vendor)
ORDER BY runs DESC, integration
