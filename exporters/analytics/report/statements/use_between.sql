-- Usage and cost of a stretch that is no day of UTC, counted from its calls.
SELECT
    origin, caller, team, integration, currency,
    sum(runs)::BIGINT, sum(failures)::BIGINT, sum(rejected)::BIGINT, sum(cost)::DOUBLE
FROM usage_by_day($first, $last, 0, 1)
GROUP BY ALL
ORDER BY ALL
