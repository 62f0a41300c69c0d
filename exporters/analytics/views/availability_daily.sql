-- How available integrations were, by day: the share of good requests, as objectives count them.
-- A call refused by a circuit that the vendor's failures opened is a bad one. Not counted: not_found, client_error, callers
-- that gave up, what Dialtone's own limits refuse, answers that asked nobody, and injected faults.
-- @column day DATE The day (UTC).
-- @column integration VARCHAR The integration's id.
-- @column vendor VARCHAR The vendor's id.
-- @column good_calls BIGINT Calls on behalf of traffic that succeeded.
-- @column bad_calls BIGINT Calls on behalf of traffic that failed because of the vendor.
-- @column good_checks BIGINT Checks that succeeded.
-- @column bad_checks BIGINT Checks that failed because of the vendor.
-- @column availability DOUBLE Share of good ones, from 0 to 1, of calls and checks together; NULL when none counts.

WITH counted AS (
    SELECT hour, integration, vendor, good, calls, 0 AS checks
    FROM calls_hourly
    WHERE origin = 'traffic' AND good IS NOT NULL
    UNION ALL
    SELECT hour, integration, vendor, good, 0, checks
    FROM checks_hourly
    WHERE good IS NOT NULL
)
SELECT
    hour::DATE AS day,
    integration,
    vendor,
    coalesce(sum(calls) FILTER (WHERE good), 0)::BIGINT AS good_calls,
    coalesce(sum(calls) FILTER (WHERE NOT good), 0)::BIGINT AS bad_calls,
    coalesce(sum(checks) FILTER (WHERE good), 0)::BIGINT AS good_checks,
    coalesce(sum(checks) FILTER (WHERE NOT good), 0)::BIGINT AS bad_checks,
    (good_calls + good_checks) / nullif(good_calls + bad_calls + good_checks + bad_checks, 0) AS availability
FROM counted
GROUP BY day, integration, vendor
