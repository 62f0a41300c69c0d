-- Usage and cost of every day, on whose behalf the calls ever were; usage_daily and cost_daily are made of it.
-- A day that has just ended is counted from the calls until its rollup is made, within minutes.
-- @column day DATE The day (UTC).
-- @column origin VARCHAR On whose behalf: traffic, check, delivery, export, credential or status.
-- @column caller VARCHAR Who asked: the API token's name, and behind a slash what the header Dialtone-Caller says.
-- @column team VARCHAR The caller's team at the time, as its token says; empty when it says none.
-- @column vendor VARCHAR The vendor's id.
-- @column integration VARCHAR The integration's id.
-- @column action VARCHAR The action that was run.
-- @column currency VARCHAR What the cost is in; empty where no price was declared at the time.
-- @column runs BIGINT Runs of the action, however many requests each took; one that lasts over midnight counts on both days.
-- @column failures BIGINT Runs in which a request failed at the vendor; injected faults do not count.
-- @column rejected BIGINT Runs in which Dialtone refused a request.
-- @column requests BIGINT Requests of their own; shared, stale and fallback answers are none.
-- @column attempts BIGINT Tries of these requests, with repeats.
-- @column request_bytes BIGINT Bytes of the bodies that were sent.
-- @column response_bytes BIGINT Bytes of the bodies that came back.
-- @column cost DOUBLE What the calls cost by the prices declared at the time; NULL where none was.
-- @column last_used TIMESTAMP The last request of the day (UTC).

SELECT
    day::DATE AS day, origin, caller, team, vendor, integration, action, currency, runs, failures, rejected, requests,
    attempts, request_bytes, response_bytes, cost, last_used
FROM rollup_usage
UNION ALL
SELECT
    day::DATE AS day, origin, caller, team, vendor, integration, action, currency, runs, failures, rejected, requests,
    attempts, request_bytes, response_bytes, cost, last_used
FROM usage_by_day(rolled_until_usage(), TIMESTAMP 'infinity', 0, 1)
