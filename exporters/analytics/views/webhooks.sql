-- Inbound webhooks by day: how many came, what became of them, how late they were.
-- @column day DATE The day (UTC).
-- @column integration VARCHAR The integration's id.
-- @column vendor VARCHAR The vendor's id.
-- @column event_type VARCHAR What they told of, in the vendor's words.
-- @column verdict VARCHAR accepted, duplicate, handshake, bad_signature, stale, malformed or unverifiable.
-- @column receipts BIGINT How many came.
-- @column missing BIGINT How many before them never came, where the vendor numbers them.
-- @column body_bytes BIGINT Bytes of their bodies.
-- @column lag_p50 DOUBLE Half of them came at most so many seconds after the vendor's own time, where it tells one.
-- @column lag_p95 DOUBLE 95 % of them came at most so many seconds after it.
-- @column last_received TIMESTAMP When the last came (UTC).

SELECT
    ts::DATE AS day,
    integration,
    vendor,
    event_type,
    verdict,
    count(*) AS receipts,
    coalesce(sum(missing), 0)::BIGINT AS missing,
    coalesce(sum(body_bytes), 0)::BIGINT AS body_bytes,
    quantile_cont(lag, 0.50) AS lag_p50,
    quantile_cont(lag, 0.95) AS lag_p95,
    max(ts) AS last_received
FROM webhook_receipts
GROUP BY ALL
