-- How well receivers were told: messages by what became of them, tries, and how long it took from decision to delivery.
-- A message belongs to the window in which it was first tried.
-- @param from time -7d Start of the window, inclusive.
-- @param to time now End of the window, exclusive.
-- @param receiver text - Only this receiver.

SELECT
    receiver,
    count(*) AS messages,
    count(delivered_at) AS delivered,
    count(*) FILTER (WHERE delivered_at IS NULL AND result = 'failed') AS waiting,
    count(*) FILTER (WHERE delivered_at IS NULL AND result != 'failed') AS given_up,
    sum(attempts)::BIGINT AS attempts,
    quantile_cont(lag, 0.50) AS lag_p50,
    quantile_cont(lag, 0.95) AS lag_p95,
    max(since_detection) AS longest_since_detection,
    max_by(detail, last_at) FILTER (WHERE kind IS NOT NULL) AS last_failure
FROM deliveries
WHERE first_at >= $from AND first_at < $to AND ($receiver IS NULL OR receiver = $receiver)
GROUP BY receiver
ORDER BY receiver
