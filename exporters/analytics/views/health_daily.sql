-- How long integrations were in each state of health, by day, until now.
-- @column day DATE The day (UTC).
-- @column integration VARCHAR The integration's id.
-- @column vendor VARCHAR The vendor's id.
-- @column state VARCHAR up, degraded, down, throttled, unauthorized, unknown or paused.
-- @column seconds DOUBLE Seconds of the day in which it was so.

WITH states AS (
    SELECT
        integration,
        vendor,
        after AS state,
        ts AS started,
        coalesce(lead(ts) OVER (PARTITION BY integration ORDER BY ts, seq), now() AT TIME ZONE 'UTC') AS ended
    FROM health_changes
    WHERE capability = ''
), parts AS (
    SELECT
        integration, vendor, state, started, ended,
        unnest(generate_series(date_trunc('day', started)::TIMESTAMP, ended, INTERVAL 1 DAY)) AS day
    FROM states
    WHERE ended > started
)
SELECT
    day::DATE AS day,
    integration,
    vendor,
    state,
    sum(epoch_us(least(ended, day + INTERVAL 1 DAY)) - epoch_us(greatest(started, day)))::DOUBLE / 1e6 AS seconds
FROM parts
WHERE least(ended, day + INTERVAL 1 DAY) > greatest(started, day)
GROUP BY ALL
