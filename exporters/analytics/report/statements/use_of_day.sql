-- Usage and cost of one day of UTC.
SELECT
    origin, caller, team, integration, currency,
    sum(runs)::BIGINT, sum(failures)::BIGINT, sum(rejected)::BIGINT, sum(cost)::DOUBLE
FROM usage_and_cost
WHERE day = $day::DATE
GROUP BY ALL
ORDER BY ALL
