-- Where answers no longer fit the vendor's contract: the place, what was expected and found, how often, since when.
-- @param from time -30d Start of the window, inclusive.
-- @param to time now End of the window, exclusive.
-- @param integration names - Only these integrations, with commas between; * is any.

SELECT
    integration,
    vendor,
    action,
    pointer,
    expected,
    found,
    sum(seen)::BIGINT AS seen,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM contract_drifts
WHERE ts >= $from AND ts < $to
    AND ($integration IS NULL OR list_contains($integration::VARCHAR[], integration))
GROUP BY integration, vendor, action, pointer, expected, found
ORDER BY last_seen DESC, integration, vendor, action, pointer, expected, found
