-- What integrations sent by webhook, and how long those that should send kept silent.
WITH received AS (
    SELECT
        integration,
        count(*) FILTER (verdict = 'accepted') AS accepted,
        count(*) FILTER (verdict = 'duplicate') AS duplicates,
        count(*) FILTER (verdict NOT IN ('accepted', 'duplicate', 'handshake')) AS refused,
        coalesce(sum(missing), 0) AS missing
    FROM webhook_receipts
    WHERE ts >= $start AND ts < $until
    GROUP BY integration
),
spells AS (
    SELECT
        integration, evidence, after, ts AS since,
        lead(ts) OVER (PARTITION BY integration, capability ORDER BY ts, seq) AS ended
    FROM health_changes
    WHERE ts < $until AND capability != ''
),
silent AS (
    SELECT
        integration, count(*) AS spells,
        sum(epoch_us(least(coalesce(ended, $until), $until)) - epoch_us(greatest(since, $start)))::DOUBLE / 1e6 AS seconds
    FROM spells
    WHERE evidence = 'webhook' AND after != 'up' AND (ended IS NULL OR ended > $start)
    GROUP BY integration
)
SELECT
    coalesce(received.integration, silent.integration), coalesce(accepted, 0), coalesce(duplicates, 0),
    coalesce(refused, 0), coalesce(missing, 0)::BIGINT, coalesce(spells, 0), coalesce(seconds, 0)
FROM received
FULL JOIN silent ON silent.integration = received.integration
ORDER BY coalesce(seconds, 0) DESC, coalesce(refused, 0) DESC, 1
LIMIT $most
