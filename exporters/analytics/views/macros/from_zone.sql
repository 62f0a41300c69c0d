-- The moment (UTC) at which clocks on the wall show a time: the first of two, and where there is none, the
-- moment that they would show it at without the change.
CREATE OR REPLACE MACRO from_zone(wall, zone) AS
    CASE
        WHEN in_zone(wall AT TIME ZONE zone AT TIME ZONE 'UTC' - INTERVAL 1 HOUR, zone) = wall
        THEN wall AT TIME ZONE zone AT TIME ZONE 'UTC' - INTERVAL 1 HOUR
        ELSE wall AT TIME ZONE zone AT TIME ZONE 'UTC'
    END
