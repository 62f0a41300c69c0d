-- The states of health that integrations and their capabilities were in, each with its reason, from start to end.
-- The capability is empty for an integration as a whole; a state that still holds at the end of the window has no end.
-- @param from time -7d Start of the window; a state that held then is included with its true start.
-- @param to time now End of the window, exclusive.
-- @param integration names - Only these integrations, with commas between; * is any.
-- @param capability text - Only this capability.

WITH states AS (
    SELECT
        integration,
        capability,
        after AS state,
        ts AS started,
        lead(ts) OVER (PARTITION BY integration, capability ORDER BY ts, seq) AS ended,
        evidence,
        kind,
        reason
    FROM health_changes
    WHERE ts < $to
        AND ($integration IS NULL OR list_contains($integration::VARCHAR[], integration))
        AND ($capability IS NULL OR capability = $capability)
)
SELECT
    integration,
    capability,
    state,
    started,
    ended,
    (epoch_us(least(coalesce(ended, $to), $to)) - epoch_us(greatest(started, $from))) / 1e6 AS seconds_in_window,
    evidence,
    kind,
    reason
FROM states
WHERE ended IS NULL OR ended > $from
ORDER BY integration, capability, started
