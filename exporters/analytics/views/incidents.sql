-- Incidents, one a row: when each was opened, acknowledged and resolved, how long it lasted, and why.
-- @column incident VARCHAR The incident's id.
-- @column integration VARCHAR The integration's id, or the key of a root cause.
-- @column vendor VARCHAR The vendor's id.
-- @column capability VARCHAR Empty: the integration as a whole.
-- @column opened_at TIMESTAMP When it was confirmed (UTC).
-- @column acknowledged_at TIMESTAMP When somebody first took it on (UTC); NULL: nobody did.
-- @column acknowledged_by VARCHAR Who that was.
-- @column resolved_at TIMESTAMP When it ended (UTC); NULL: it is open.
-- @column seconds_to_acknowledge DOUBLE Seconds from its opening until it was first taken on.
-- @column duration DOUBLE Seconds from its opening to its end; NULL: it is open.
-- @column cause VARCHAR The reason it was opened for.
-- @column parent VARCHAR The incident that explains this one, where one does; else empty.
-- @column state VARCHAR The health it was in last.
-- @column worst_state VARCHAR The worst health it was in.
-- @column reopened BIGINT How often it began again soon after its end.
-- @column flapped BOOLEAN Whether it flapped.
-- @column notes BIGINT How many notes people wrote into it.
-- @column changed_at TIMESTAMP Its last change (UTC).

SELECT
    incident,
    min_by(integration, (ts, seq)) AS integration,
    min_by(vendor, (ts, seq)) AS vendor,
    min_by(capability, (ts, seq)) AS capability,
    min(opened_at) AS opened_at,
    min(ts) FILTER (WHERE event = 'acknowledged') AS acknowledged_at,
    min_by(actor, (ts, seq)) FILTER (WHERE event = 'acknowledged') AS acknowledged_by,
    -- A struct keeps the NULL of an incident that is open again, which max_by would pass over.
    (max_by({'at': resolved_at}, (ts, seq))).at AS resolved_at,
    (epoch_us(acknowledged_at) - epoch_us(min(opened_at))) / 1e6 AS seconds_to_acknowledge,
    (epoch_us((max_by({'at': resolved_at}, (ts, seq))).at) - epoch_us(min(opened_at))) / 1e6 AS duration,
    min_by(reason, (ts, seq)) AS cause,
    coalesce(max_by(parent, (ts, seq)) FILTER (WHERE parent != ''), '') AS parent,
    max_by(state, (ts, seq)) AS state,
    min_by(
        state, list_position(['down', 'unauthorized', 'throttled', 'degraded', 'unknown', 'up', 'paused'], state)
    ) AS worst_state,
    count(*) FILTER (WHERE event = 'reopened') AS reopened,
    coalesce(bool_or(event = 'flapping'), false) AS flapped,
    count(*) FILTER (WHERE event = 'noted') AS notes,
    max(ts) AS changed_at
FROM incident_changes
GROUP BY incident
