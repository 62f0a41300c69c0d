-- Inbound webhooks by integration, type and verdict: how many came, how many never came, how late they were.
-- @param from time -7d Start of the window, inclusive.
-- @param to time now End of the window, exclusive.
-- @param integration names - Only these integrations, with commas between; * is any.

SELECT
    integration,
    vendor,
    event_type,
    verdict,
    count(*) AS receipts,
    coalesce(sum(missing), 0)::BIGINT AS missing,
    quantile_cont(lag, 0.50) AS lag_p50,
    quantile_cont(lag, 0.95) AS lag_p95,
    max(ts) AS last_received
FROM webhook_receipts
WHERE ts >= $from AND ts < $to
    AND ($integration IS NULL OR list_contains($integration::VARCHAR[], integration))
GROUP BY integration, vendor, event_type, verdict
ORDER BY receipts DESC, integration, vendor, event_type, verdict
