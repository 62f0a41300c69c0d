-- Who uses what, by day: runs of actions on behalf of traffic. It outlives the calls themselves.
-- @column day DATE The day (UTC).
-- @column caller VARCHAR Who asked: the API token's name, and behind a slash what the header Dialtone-Caller says.
-- @column team VARCHAR The caller's team at the time, as its token says; empty when it says none.
-- @column vendor VARCHAR The vendor's id.
-- @column integration VARCHAR The integration's id.
-- @column action VARCHAR The action that was run.
-- @column runs BIGINT Runs of the action, however many requests each took; one that lasts over midnight counts on both days.
-- @column failures BIGINT Runs in which a request failed at the vendor; injected faults do not count.
-- @column rejected BIGINT Runs in which Dialtone refused a request.
-- @column requests BIGINT Requests of their own; shared, stale and fallback answers are none.
-- @column attempts BIGINT Tries of these requests, with repeats.
-- @column request_bytes BIGINT Bytes of the bodies that were sent.
-- @column response_bytes BIGINT Bytes of the bodies that came back.
-- @column cost DOUBLE What the calls cost by the prices declared at the time; NULL where none was.
-- @column currency VARCHAR What the cost is in; empty where no price was declared at the time.
-- @column last_used TIMESTAMP The last request of the day (UTC).

SELECT
    day, caller, team, vendor, integration, action, runs, failures, rejected, requests, attempts, request_bytes,
    response_bytes, cost, currency, last_used
FROM usage_and_cost
WHERE origin = 'traffic'
