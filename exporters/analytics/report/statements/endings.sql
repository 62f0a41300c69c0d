-- Credentials, certificates and parts of vendors' APIs that end soon after the period, by what was said last.
WITH credentials AS (
    SELECT
        'credential' AS kind,
        integration || CASE WHEN coalesce(credential, '') = '' THEN '' ELSE ' ' || credential END AS name,
        last(expires_at ORDER BY ts, seq) AS ends_at,
        last(detail ORDER BY ts, seq) AS detail
    FROM credential_notices
    WHERE ts < $until AND ts >= $known_from
    GROUP BY integration, credential
),
certificates AS (
    SELECT 'certificate' AS kind, integration AS name, arg_max(certificate_ends_at, ts) AS ends_at, '' AS detail
    FROM check_results
    WHERE ts < $until AND ts >= $start AND certificate_ends_at IS NOT NULL
    GROUP BY integration
),
announced AS (
    SELECT
        'api' AS kind, vendor || CASE WHEN action = '' THEN '' ELSE ' ' || action END AS name,
        last(sunset_at ORDER BY ts, seq) AS ends_at, last(title ORDER BY ts, seq) AS detail
    FROM vendor_notices
    WHERE ts < $until AND ts >= $known_from AND kind = 'deprecation'
    GROUP BY vendor, action
)
SELECT kind, name, epoch_us(ends_at) / 1e6, coalesce(detail, '')
FROM (FROM credentials UNION ALL FROM certificates UNION ALL FROM announced)
WHERE ends_at >= $until AND ends_at < $horizon
ORDER BY ends_at, kind, name
LIMIT $most
