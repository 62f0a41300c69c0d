-- The rows of calls from a moment on and before another, as the rollup of usage has them; one of some slices.
-- Team and price are those that held when the call was made. Charged is each attempt that the vendor answered,
-- or each call that succeeded; what an injected fault answered is not.
CREATE OR REPLACE MACRO usage_by_day(since, until, slice, slices) AS TABLE
    WITH priced AS (
        SELECT
            c.ts, c.origin, c.caller, coalesce(t.team, '') AS team, c.vendor, c.integration, c.action,
            CASE WHEN coalesce(i.prices[c.action], i.per_call) IS NULL THEN '' ELSE i.currency END AS currency, c.run_id, c.kind, c.source, c.injected, c.request_bytes,
            c.response_bytes,
            coalesce(len(c.attempts), 0) AS attempts,
            coalesce(i.prices[c.action], i.per_call) * CASE
                WHEN c.source != 'live' THEN 0
                WHEN i.charged = 'ok' THEN (c.kind IS NULL AND c.injected IS NOT TRUE)::INTEGER
                ELSE len(list_filter(c.attempts, lambda a: a.status IS NOT NULL AND a.injected IS NOT TRUE))
            END AS cost
        FROM calls AS c
        LEFT JOIN declared_callers AS t
            ON t.token = split_part(c.caller, '/', 1)
            AND c.ts >= t.valid_from AND (t.valid_to IS NULL OR c.ts < t.valid_to)
        LEFT JOIN declared_integrations AS i
            ON i.integration = c.integration
            AND c.ts >= i.valid_from AND (i.valid_to IS NULL OR c.ts < i.valid_to)
        WHERE c.ts >= since AND c.ts < until
            AND (slices = 1 OR hash(c.caller, c.integration, c.action) % slices = slice)
    ), runs AS (
        -- By run first: it is several times as fast as counting distinct runs three times.
        SELECT
            date_trunc('day', ts)::TIMESTAMP AS day, origin, caller, team, vendor, integration, action, currency,
            run_id,
            count(*) AS records,
            coalesce(bool_or(kind NOT IN ('rejected', 'cancelled') AND injected IS NOT TRUE), false) AS is_failed,
            coalesce(bool_or(kind = 'rejected'), false) AS is_rejected,
            count(*) FILTER (WHERE source = 'live') AS requests,
            sum(attempts) AS attempts,
            sum(request_bytes) AS request_bytes,
            sum(response_bytes) AS response_bytes,
            sum(cost) AS cost,
            max(ts) AS last_used
        FROM priced
        GROUP BY ALL
    )
    SELECT
        day, origin, caller, team, vendor, integration, action, currency,
        sum(records)::BIGINT AS records,
        count(*) AS runs,
        count(*) FILTER (WHERE is_failed) AS failures,
        count(*) FILTER (WHERE is_rejected) AS rejected,
        sum(requests)::BIGINT AS requests,
        sum(attempts)::BIGINT AS attempts,
        sum(request_bytes)::BIGINT AS request_bytes,
        sum(response_bytes)::BIGINT AS response_bytes,
        sum(cost)::DOUBLE AS cost,
        max(last_used) AS last_used
    FROM runs
    GROUP BY ALL
