-- What vendors' status pages announced, and how long after we knew.
SELECT vendor, count(*), median(lag)
FROM vendor_notices
WHERE ts >= $start AND ts < $until AND kind = 'status' AND indicator != 'operational'
GROUP BY vendor
ORDER BY vendor
LIMIT $most
