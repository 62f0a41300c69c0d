-- What happened to credentials, but for renewals that went well.
SELECT
    integration, coalesce(credential, ''), event, count(*), last(detail ORDER BY ts, seq), epoch_us(max(ts)) / 1e6
FROM credential_notices
WHERE ts >= $start AND ts < $until AND event NOT IN ('refreshed', 'reread')
GROUP BY ALL
ORDER BY count(*) DESC, integration, event
LIMIT $most
