-- What calls cost, of integrations that declare a price: requests and cost by time bucket, currency and what is asked for.
-- Each call costs what was declared when it was made. All calls count, checks too. Whole days (UTC), that of the start included.
-- @param from time -30d Start of the window; its day is the first.
-- @param to time now End of the window; days that begin before it are in it.
-- @param bucket one_of(day|week|month|all) month Days, weeks from Monday, months (UTC), or all in one.
-- @param by one_of(vendor|integration|action|team|caller|origin) vendor What costs are added up by.
-- @param integration names - Only these integrations, with commas between; * is any.

SELECT
    CASE $bucket
        WHEN 'all' THEN date_trunc('day', $from::TIMESTAMP)::TIMESTAMP
        ELSE date_trunc(CASE $bucket WHEN 'all' THEN 'day' ELSE $bucket END, day)::TIMESTAMP
    END AS bucket_start,
    currency,
    CASE $by
        WHEN 'vendor' THEN vendor
        WHEN 'integration' THEN integration
        WHEN 'action' THEN action
        WHEN 'team' THEN team
        WHEN 'caller' THEN caller
        ELSE origin
    END AS name,
    sum(requests)::BIGINT AS requests,
    sum(cost) AS cost
FROM cost_daily
WHERE day >= $from::DATE AND day < $to
    AND ($integration IS NULL OR list_contains($integration::VARCHAR[], integration))
GROUP BY bucket_start, currency, name
ORDER BY bucket_start, currency, cost DESC, name
