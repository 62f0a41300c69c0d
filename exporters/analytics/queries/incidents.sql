-- Incidents that were open in the window, the newest first: how long, why, and how soon somebody took them on.
-- @param from time -30d Start of the window.
-- @param to time now End of the window, exclusive.
-- @param integration names - Only these integrations, with commas between; * is any.

SELECT
    incident, integration, vendor, capability, opened_at, acknowledged_at, acknowledged_by, resolved_at,
    seconds_to_acknowledge, duration, worst_state, state, reopened, flapped, cause, parent, notes
FROM incidents
WHERE opened_at < $to AND (resolved_at IS NULL OR resolved_at > $from)
    AND ($integration IS NULL OR list_contains($integration::VARCHAR[], integration))
ORDER BY opened_at DESC, incident
