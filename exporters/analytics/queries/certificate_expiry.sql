-- When servers' certificates end, as checks saw them last, the soonest first.
-- @param from time -7d Start of the window, inclusive.
-- @param to time now End of the window, exclusive; days are counted from it.
-- @param integration names - Only these integrations, with commas between; * is any.

SELECT
    integration,
    max_by(vendor, (ts, seq)) AS vendor,
    max_by(certificate_ends_at, (ts, seq)) AS certificate_ends_at,
    (epoch_us(max_by(certificate_ends_at, (ts, seq))) - epoch_us($to::TIMESTAMP)) / 86400e6 AS days_left,
    max(ts) AS seen_at
FROM check_results
WHERE ts >= $from AND ts < $to
    AND certificate_ends_at IS NOT NULL
    AND ($integration IS NULL OR list_contains($integration::VARCHAR[], integration))
GROUP BY integration
ORDER BY certificate_ends_at, integration
