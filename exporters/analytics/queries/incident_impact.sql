-- What trouble of one integration cost each of its callers: runs of actions, how many failed, how many were refused by us.
-- The callers most affected come first. A run is one action asked for, however many requests it took; given-up ones are left out.
-- @param from time -1h Start of the window, inclusive: when the trouble began.
-- @param to time now End of the window, exclusive: when it was over.
-- @param integration names - Only these integrations, with commas between; * is any.

WITH runs AS (
    SELECT
        caller,
        run_id,
        bool_or(kind IS NOT NULL AND kind != 'rejected') AS is_failed,
        bool_or(kind IS NOT NULL AND kind = 'rejected') AS is_rejected
    FROM calls
    WHERE ts >= $from AND ts < $to
        AND origin = 'traffic'
        AND kind IS DISTINCT FROM 'cancelled'
        AND ($integration IS NULL OR list_contains($integration::VARCHAR[], integration))
    GROUP BY caller, run_id
)
SELECT
    caller,
    count(*) AS runs,
    count(*) FILTER (WHERE is_failed) AS failures,
    count(*) FILTER (WHERE is_rejected AND NOT is_failed) AS rejected
FROM runs
GROUP BY caller
ORDER BY failures + rejected DESC, caller
