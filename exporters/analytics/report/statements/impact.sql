-- What incidents cost each caller: runs that failed or were refused, as the named query incident_impact counts them.
WITH spans AS (
    SELECT unnest($incidents::VARCHAR[]) AS incident, unnest($integrations::VARCHAR[]) AS name,
        unnest($froms::TIMESTAMP[]) AS since, unnest($tos::TIMESTAMP[]) AS until
),
runs AS (
    SELECT spans.incident, caller, run_id, bool_or(kind != 'rejected') AS is_failed
    FROM calls
    JOIN spans ON spans.name = calls.integration AND calls.ts >= spans.since AND calls.ts < spans.until
    WHERE calls.ts >= $first AND calls.ts < $until
        AND origin = 'traffic' AND kind IS NOT NULL AND kind != 'cancelled'
    GROUP BY ALL
)
SELECT incident, caller, count(*) FILTER (is_failed), count(*) FILTER (NOT is_failed)
FROM runs
GROUP BY ALL
ORDER BY incident, count(*) DESC, caller
