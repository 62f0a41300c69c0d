-- Who calls through Dialtone: every caller that was seen, and every API token, called with or not.
-- @column caller VARCHAR The API token's name, and behind a slash what the header Dialtone-Caller says.
-- @column token VARCHAR The API token's name.
-- @column team VARCHAR Its team now, as the token says; empty when it says none, or there is no such token now.
-- @column is_configured BOOLEAN Whether the configuration in effect has the token.
-- @column first_used DATE The first day it was seen on (UTC); NULL: never.
-- @column last_used TIMESTAMP Its last request (UTC); NULL: never.
-- @column runs BIGINT Runs of actions on behalf of traffic.

WITH seen AS (
    SELECT
        caller,
        split_part(caller, '/', 1) AS token,
        min(day) AS first_used,
        max(last_used) AS last_used,
        sum(runs)::BIGINT AS runs
    FROM usage_daily
    GROUP BY caller
), tokens AS (
    SELECT token, team FROM declared_callers WHERE valid_to IS NULL
)
SELECT
    coalesce(seen.caller, tokens.token) AS caller,
    coalesce(seen.token, tokens.token) AS token,
    coalesce(tokens.team, '') AS team,
    tokens.token IS NOT NULL AS is_configured,
    seen.first_used,
    seen.last_used,
    coalesce(seen.runs, 0) AS runs
FROM seen
FULL JOIN tokens ON seen.token = tokens.token
