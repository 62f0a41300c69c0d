-- Usage and cost of days of UTC.
SELECT
    day, origin, caller, team, integration, currency,
    sum(runs)::BIGINT, sum(failures)::BIGINT, sum(rejected)::BIGINT, sum(cost)::DOUBLE
FROM usage_and_cost
WHERE list_contains($days::DATE[], day)
GROUP BY ALL
ORDER BY ALL
