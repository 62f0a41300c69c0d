-- Answers that no longer fit the contract.
SELECT
    vendor, action, pointer, any_value(expected), list(DISTINCT found ORDER BY found), sum(seen)::BIGINT,
    epoch_us(min(ts)) / 1e6, epoch_us(max(ts)) / 1e6
FROM contract_drifts
WHERE ts >= $start AND ts < $until
GROUP BY vendor, action, pointer
ORDER BY sum(seen) DESC, vendor, action, pointer
LIMIT $most
