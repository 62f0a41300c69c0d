-- How long integrations as a whole were in each state of health. The last state of one that is configured no
-- longer ends with its last check.
WITH seen AS (
    SELECT integration AS name, max(ts) AS last_at FROM check_results WHERE ts >= $start AND ts < $until GROUP BY ALL
),
spells AS (
    SELECT
        vendor, integration, after AS state, ts AS since,
        lead(ts) OVER (PARTITION BY integration ORDER BY ts, seq) AS ended
    FROM health_changes
    WHERE ts < $until AND capability = ''
),
ended AS (
    SELECT
        vendor, integration, state, since,
        coalesce(ended, CASE WHEN list_contains($known::VARCHAR[], integration) THEN $until ELSE last_at END) AS until
    FROM spells
    LEFT JOIN seen ON name = integration
)
SELECT
    vendor, integration, state,
    sum(epoch_us(until) - epoch_us(greatest(since, $start)))::DOUBLE / 1e6
FROM ended
WHERE until > greatest(since, $start)
GROUP BY ALL
ORDER BY ALL
