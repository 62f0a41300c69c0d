-- What vendors said of their quotas, by hour: how little was left, and how long they asked for quiet.
-- @column hour TIMESTAMP Start of the hour (UTC).
-- @column integration VARCHAR The integration's id.
-- @column vendor VARCHAR The vendor's id.
-- @column bucket VARCHAR The quota's name.
-- @column samples BIGINT How often the vendor told it.
-- @column quota_limit DOUBLE The limit it told last.
-- @column least_remaining DOUBLE The least that was left.
-- @column least_share DOUBLE The least share of the limit that was left, from 0 to 1; NULL where no limit is told.
-- @column last_remaining DOUBLE What was left last.
-- @column throttled_seconds DOUBLE Seconds of quiet that were asked for in this hour; they may last beyond it.

WITH quiet AS (
    SELECT
        ts,
        seq,
        integration,
        bucket,
        throttled_until,
        max(throttled_until) OVER (
            PARTITION BY integration, bucket ORDER BY ts, seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS known_until
    FROM quota_samples
    WHERE throttled_until > ts
), asked AS (
    SELECT
        date_trunc('hour', ts)::TIMESTAMP AS hour,
        integration,
        bucket,
        sum(greatest(epoch_us(throttled_until) - epoch_us(greatest(ts, coalesce(known_until, ts))), 0))::DOUBLE / 1e6
            AS seconds
    FROM quiet
    GROUP BY ALL
), told AS (
    SELECT
        date_trunc('hour', ts)::TIMESTAMP AS hour,
        integration,
        vendor,
        bucket,
        count(*) AS samples,
        max_by(quota_limit, (ts, seq)) AS quota_limit,
        min(remaining) AS least_remaining,
        min(remaining / nullif(quota_limit, 0)) AS least_share,
        max_by(remaining, (ts, seq)) AS last_remaining
    FROM quota_samples
    GROUP BY ALL
)
SELECT told.*, coalesce(asked.seconds, 0) AS throttled_seconds
FROM told
LEFT JOIN asked USING (hour, integration, bucket)
