-- The rows of check_results from a moment on and before another, as the rollup has them; one of some slices.
CREATE OR REPLACE MACRO checks_by_hour(since, until, slice, slices) AS TABLE
    SELECT
        date_trunc('hour', ts)::TIMESTAMP AS hour,
        integration,
        vendor,
        capability,
        ran,
        kind,
        coalesce(injected, false) AS injected,
        CASE
            WHEN NOT ran OR injected OR kind IN ('cancelled', 'not_found', 'client_error') THEN NULL
            ELSE kind IS NULL
        END AS good,
        latency_bucket(duration) AS bucket,
        count(*) AS checks,
        sum(duration)::DOUBLE AS seconds
    FROM check_results
    WHERE ts >= since AND ts < until AND (slices = 1 OR hash(integration, kind) % slices = slice)
    GROUP BY ALL
