-- What clocks on the wall show in a time zone at a moment (UTC).
CREATE OR REPLACE MACRO in_zone(moment, zone) AS
    moment::TIMESTAMP AT TIME ZONE 'UTC' AT TIME ZONE zone
