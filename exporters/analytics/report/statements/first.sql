-- When the first call or check was recorded, and until when only counts by the hour are left of some: NULL, where all
-- that was counted is still kept.
WITH begun AS (
    SELECT (SELECT min(ts) FROM calls) AS kept, (SELECT min(hour) FROM calls_hourly) AS counted
    UNION ALL
    SELECT (SELECT min(ts) FROM check_results), (SELECT min(hour) FROM checks_hourly)
),
judged AS (
    SELECT kept, counted, counted IS NOT NULL AND (kept IS NULL OR counted + INTERVAL 1 HOUR <= kept) AS is_short
    FROM begun
)
SELECT
    epoch_us(min(CASE WHEN is_short THEN counted ELSE kept END)) / 1e6,
    epoch_us(max(coalesce(kept, $until)) FILTER (is_short)) / 1e6
FROM judged
