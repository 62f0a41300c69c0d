-- What calls cost, by day, of integrations that declare a price: traffic and everything else, checks too.
-- @column day DATE The day (UTC).
-- @column origin VARCHAR On whose behalf: traffic, check, delivery, export, credential or status.
-- @column caller VARCHAR Who asked; empty for Dialtone itself.
-- @column team VARCHAR The caller's team at the time, as its token says; empty when it says none.
-- @column vendor VARCHAR The vendor's id.
-- @column integration VARCHAR The integration's id.
-- @column action VARCHAR The action that was run.
-- @column requests BIGINT Requests of their own.
-- @column cost DOUBLE What they cost by the prices declared at the time.
-- @column currency VARCHAR What the cost is in; costs of different currencies do not add up.

SELECT day, origin, caller, team, vendor, integration, action, requests, cost, currency
FROM usage_and_cost
WHERE cost IS NOT NULL
