-- The start of a bucket on the wall's clock: weeks begin on Monday, all others are aligned to 1970-01-01 00:00.
CREATE OR REPLACE MACRO wall_bucket(wall, width) AS
    CASE
        WHEN width = 604800 THEN date_trunc('week', wall)::TIMESTAMP
        ELSE time_bucket(to_seconds(width), wall, TIMESTAMP '1970-01-01')
    END
