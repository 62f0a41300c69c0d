-- When the day, week (from Monday), month, quarter or year in a time zone began that a moment lies in.
CREATE OR REPLACE MACRO zone_start(moment, unit, zone) AS
    CASE
        WHEN unit = 'hour' THEN zone_bucket(moment, 3600, zone)
        ELSE from_zone(date_trunc(unit, in_zone(moment, zone))::TIMESTAMP, zone)
    END
