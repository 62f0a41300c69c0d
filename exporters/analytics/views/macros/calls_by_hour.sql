-- The rows of calls from a moment on and before another, as the rollup has them; one of some slices.
CREATE OR REPLACE MACRO calls_by_hour(since, until, slice, slices) AS TABLE
    SELECT
        date_trunc('hour', ts)::TIMESTAMP AS hour,
        integration,
        vendor,
        origin,
        source,
        kind,
        coalesce(injected, false) AS injected,
        CASE
            WHEN source != 'live' OR injected OR kind IN ('cancelled', 'not_found', 'client_error') THEN NULL
            WHEN kind = 'rejected' AND NOT (
                reason IS NOT DISTINCT FROM 'open_circuit'
                AND breaker_state NOT IN ('forced_open', 'disabled', 'shadow')
            ) THEN NULL
            ELSE kind IS NULL
        END AS good,
        latency_bucket(duration) AS bucket,
        count(*) AS calls,
        sum(duration)::DOUBLE AS seconds
    FROM calls
    WHERE ts >= since AND ts < until AND (slices = 1 OR hash(integration, kind) % slices = slice)
    GROUP BY ALL
