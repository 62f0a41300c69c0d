-- Who uses which integration how much: runs of actions on behalf of traffic, by caller, integration and action.
-- A run is one action asked for, however many requests it took; one that shared another's takes none.
-- Runs that an injected fault struck (a game day) are counted, their failures are not.
-- @param from time -24h Start of the window, inclusive.
-- @param to time now End of the window, exclusive.
-- @param integration names - Only these integrations, with commas between; * is any.
-- @param caller text - Only this caller.

SELECT
    caller,
    integration,
    action,
    count(DISTINCT run_id) AS runs,
    count(*) FILTER (WHERE source = 'live') AS requests,
    count(DISTINCT run_id) FILTER (WHERE kind IS NOT NULL AND injected IS NOT TRUE) AS runs_with_failure,
    max(ts) AS last_used
FROM calls
WHERE ts >= $from AND ts < $to
    AND origin = 'traffic'
    AND ($integration IS NULL OR list_contains($integration::VARCHAR[], integration))
    AND ($caller IS NULL OR caller = $caller)
GROUP BY caller, integration, action
ORDER BY runs DESC, caller, integration, action
