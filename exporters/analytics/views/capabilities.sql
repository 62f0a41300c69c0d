-- What configured integrations can do: their capabilities, and the actions that belong to each.
-- @column integration VARCHAR The integration's id.
-- @column vendor VARCHAR The vendor's id.
-- @column capability VARCHAR A group of the vendor's actions, which is checked and broken off on its own.
-- @column actions VARCHAR[] Its actions.

WITH groups AS (
    SELECT vendor, unnest(capabilities) AS one
    FROM declared_vendors
    WHERE valid_to IS NULL
)
SELECT integration, vendor, one.capability AS capability, one.actions AS actions
FROM declared_integrations
JOIN groups USING (vendor)
WHERE valid_to IS NULL
