-- Incidents that went on in the period, with what has become of them by now, and when their first evidence was seen.
WITH found AS (
    SELECT * FROM incidents WHERE opened_at < $until AND (resolved_at IS NULL OR resolved_at > $start)
),
evidence AS (
    SELECT found.incident, min(changes.since) AS since
    FROM found
    JOIN health_changes AS changes
        ON changes.integration = found.integration AND changes.capability = '' AND changes.ts = found.opened_at
    GROUP BY found.incident
)
SELECT
    found.incident, integration, vendor, worst_state, cause, parent, reopened::BIGINT,
    epoch_us(least(coalesce(evidence.since, opened_at), opened_at)) / 1e6,
    epoch_us(opened_at) / 1e6,
    epoch_us(resolved_at) / 1e6,
    epoch_us(acknowledged_at) / 1e6,
    coalesce(acknowledged_by, '')
FROM found
LEFT JOIN evidence ON evidence.incident = found.incident
ORDER BY opened_at, found.incident
