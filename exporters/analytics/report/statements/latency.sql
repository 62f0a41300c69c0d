-- How many live calls took how long, by integration and logarithmic bucket, as latency_hourly counts them.
SELECT vendor, integration, bucket_seconds(bucket), sum(calls)::BIGINT
FROM calls_hourly
WHERE hour >= time_bucket(INTERVAL 1 HOUR, $start::TIMESTAMP) AND hour < $until
    AND origin = 'traffic' AND source = 'live' AND NOT injected
    AND (kind IS NULL OR kind NOT IN ('rejected', 'cancelled'))
GROUP BY vendor, integration, bucket
ORDER BY vendor, integration, bucket
