-- The hours of the period in which a call or a check was recorded.
SELECT DISTINCT epoch_us(hour) / 1e6
FROM (
    SELECT hour FROM calls_hourly WHERE hour >= time_bucket(INTERVAL 1 HOUR, $start::TIMESTAMP) AND hour < $until
    UNION ALL
    SELECT hour FROM checks_hourly WHERE hour >= time_bucket(INTERVAL 1 HOUR, $start::TIMESTAMP) AND hour < $until
)
ORDER BY ALL
