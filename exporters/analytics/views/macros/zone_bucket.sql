-- The start (UTC) of the bucket that a moment lies in, so many seconds wide on the clocks of a time zone. An
-- hour that comes twice is two buckets; wider buckets become an hour longer or shorter. Without a zone, and
-- for buckets below an hour, they are aligned to 1970-01-01T00:00:00Z.
CREATE OR REPLACE MACRO zone_bucket(moment, width, zone) AS
    CASE
        WHEN zone IS NULL OR width < 3600 THEN time_bucket(to_seconds(width), moment, TIMESTAMP '1970-01-01')
        WHEN width = 3600
            AND in_zone(
                moment - (in_zone(moment, zone) - wall_bucket(in_zone(moment, zone), width)), zone
            ) = wall_bucket(in_zone(moment, zone), width)
        THEN moment - (in_zone(moment, zone) - wall_bucket(in_zone(moment, zone), width))
        ELSE from_zone(wall_bucket(in_zone(moment, zone), width), zone)
    END
