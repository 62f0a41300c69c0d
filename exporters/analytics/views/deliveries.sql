-- Messages to receivers, one a row: how often each was tried, and what became of it.
-- @column message VARCHAR The message's id.
-- @column receiver VARCHAR Who it is for.
-- @column format VARCHAR The format it is sent in.
-- @column type VARCHAR What it tells.
-- @column first_at TIMESTAMP The first try (UTC).
-- @column last_at TIMESTAMP The last try (UTC).
-- @column attempts BIGINT How many tries there were.
-- @column result VARCHAR What became of the last: delivered, failed (it is tried again), dead, disabled or superseded.
-- @column delivered_at TIMESTAMP When it was delivered (UTC); NULL: it was not.
-- @column status INTEGER HTTP status of the last answer; NULL when there was none.
-- @column kind VARCHAR Why the last try failed; NULL: it did not.
-- @column detail VARCHAR The last try's failure, in words.
-- @column lag DOUBLE Seconds from the decision to tell until it was delivered; NULL: it was not.
-- @column since_detection DOUBLE Seconds from the newest alert in it until it was delivered, where it is the first to tell of it.

SELECT
    message,
    receiver,
    min_by(format, (ts, seq)) AS format,
    min_by(type, (ts, seq)) AS type,
    min(ts) AS first_at,
    max(ts) AS last_at,
    count(*) AS attempts,
    max_by(result, (ts, seq)) AS result,
    min(ts) FILTER (WHERE result = 'delivered') AS delivered_at,
    (max_by({'status': status}, (ts, seq))).status AS status,
    (max_by({'kind': kind}, (ts, seq))).kind AS kind,
    max_by(detail, (ts, seq)) AS detail,
    min(lag) FILTER (WHERE result = 'delivered') AS lag,
    min(since_detection) FILTER (WHERE result = 'delivered') AS since_detection
FROM delivery_attempts
GROUP BY message, receiver
