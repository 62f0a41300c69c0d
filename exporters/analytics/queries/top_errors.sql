-- What fails most: failed calls by integration, action, kind, status and the vendor's own code.
-- Calls that an injected fault struck (a game day) are left out.
-- @param from time -24h Start of the window, inclusive.
-- @param to time now End of the window, exclusive.
-- @param integration names - Only these integrations, with commas between; * is any.
-- @param limit int(1..10000) 50 How many rows at most.

SELECT
    integration,
    action,
    kind,
    status,
    code,
    count(*) AS calls,
    count(DISTINCT caller) AS callers,
    max(ts) AS last_seen,
    max_by(detail, ts) AS last_detail
FROM calls
WHERE ts >= $from AND ts < $to
    AND kind IS NOT NULL
    AND source = 'live'
    AND injected IS NOT TRUE
    AND ($integration IS NULL OR list_contains($integration::VARCHAR[], integration))
GROUP BY integration, action, kind, status, code
ORDER BY calls DESC, integration, action, kind, status, code
LIMIT greatest($limit, 0)
