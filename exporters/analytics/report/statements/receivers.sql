-- How messages went to receivers, by when they were first tried.
SELECT
    receiver, count(*), count(delivered_at), sum(attempts)::BIGINT - count(delivered_at),
    count(*) FILTER (WHERE result = 'dead'), median(lag)
FROM deliveries
WHERE first_at >= $start AND first_at < $until
GROUP BY receiver
ORDER BY count(*) FILTER (WHERE result = 'dead') DESC, sum(attempts) - count(delivered_at) DESC, receiver
LIMIT $most
