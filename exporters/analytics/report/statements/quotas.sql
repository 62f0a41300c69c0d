-- The least that was left of each bucket, and how long its vendor asked for quiet.
WITH samples AS (
    SELECT *, remaining / nullif(quota_limit, 0) AS share FROM quota_samples WHERE ts >= $start AND ts < $until
),
quiet AS (
    SELECT
        integration, bucket,
        greatest(ts, max(throttled_until) OVER (
            PARTITION BY integration, bucket ORDER BY ts, seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )) AS since,
        least(throttled_until, $until) AS until
    FROM samples
    WHERE throttled_until > ts
),
throttled AS (
    SELECT integration, bucket, sum(epoch_us(until) - epoch_us(since))::DOUBLE / 1e6 AS seconds
    FROM quiet
    WHERE until > since
    GROUP BY ALL
)
SELECT
    samples.integration, vendor, samples.bucket,
    min(share),
    min(remaining),
    arg_min(quota_limit, coalesce(share, remaining)),
    epoch_us(arg_min(ts, coalesce(share, remaining))) / 1e6,
    coalesce(any_value(throttled.seconds), 0)
FROM samples
LEFT JOIN throttled ON throttled.integration = samples.integration AND throttled.bucket = samples.bucket
GROUP BY samples.integration, vendor, samples.bucket
ORDER BY min(share) NULLS LAST, samples.integration, samples.bucket
LIMIT $most
