-- Requests that count for availability, by day, vendor, integration and whether they were checks. Those still kept
-- are judged one by one, by the rules of monitors/slo_events.py, whose words for neutral failures and for states
-- set by hand come as parameters. Of the hours before $kept only the counts of rollups are left: they were judged
-- by the same rules, know no maintenance, and durations to 2.5 %.
WITH left_out AS (
    SELECT unnest($quiet::VARCHAR[]) AS name, unnest($quiet_from::TIMESTAMP[]) AS since,
        unnest($quiet_to::TIMESTAMP[]) AS until
),
counted AS (
    SELECT ts, vendor, integration, false AS is_check, kind IS NULL AS succeeded, duration
    FROM calls
    WHERE ts >= greatest($start, $kept) AND ts < $until
        AND origin = 'traffic' AND source = 'live' AND injected IS NOT TRUE
        AND (kind IS NULL OR (
            NOT list_contains($neutral::VARCHAR[], kind)
            AND (kind != 'rejected'
                OR (reason = 'open_circuit' AND NOT list_contains($by_hand::VARCHAR[], breaker_state)))
        ))
    UNION ALL
    SELECT ts, vendor, integration, true, kind IS NULL, duration
    FROM check_results
    WHERE ts >= greatest($start, $kept) AND ts < $until
        AND ran AND injected IS NOT TRUE
        AND (kind IS NULL OR NOT list_contains($neutral::VARCHAR[], kind))
),
quarters AS (
    SELECT
        time_bucket(INTERVAL 15 MINUTE, ts, TIMESTAMP '1970-01-01') AS quarter,
        vendor, integration, is_check,
        count(*) FILTER (succeeded AND ($limit IS NULL OR duration <= $limit)) AS good,
        count(*) AS events
    FROM counted
    WHERE NOT EXISTS (
        SELECT 1 FROM left_out WHERE name = integration AND since <= ts AND ts < left_out.until
    )
    GROUP BY ALL
    UNION ALL
    SELECT
        hour, vendor, integration, false,
        coalesce(sum(calls) FILTER (good AND ($limit IS NULL OR bucket_seconds(bucket) <= $limit)), 0), sum(calls)
    FROM calls_hourly
    WHERE hour >= $start AND hour < least($until, $kept) AND origin = 'traffic' AND good IS NOT NULL
    GROUP BY ALL
    UNION ALL
    SELECT
        hour, vendor, integration, true,
        coalesce(sum(checks) FILTER (good AND ($limit IS NULL OR bucket_seconds(bucket) <= $limit)), 0), sum(checks)
    FROM checks_hourly
    WHERE hour >= $start AND hour < least($until, $kept) AND good IS NOT NULL
    GROUP BY ALL
)
SELECT
    timezone($zone, timezone('UTC', quarter))::DATE AS day,
    vendor, integration, is_check, sum(good)::BIGINT, sum(events - good)::BIGINT
FROM quarters
GROUP BY ALL
ORDER BY ALL
