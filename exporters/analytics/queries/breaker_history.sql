-- How circuit breakers changed their state, newest first, with the counts of the window that decided.
-- @param from time -24h Start of the window, inclusive.
-- @param to time now End of the window, exclusive.
-- @param integration names - Only these integrations, with commas between; * is any.

SELECT ts AS changed_at, integration, capability, before, after, reason, actor, calls, failures, slow, open_seconds
FROM breaker_transitions
WHERE ts >= $from AND ts < $to
    AND ($integration IS NULL OR list_contains($integration::VARCHAR[], integration))
ORDER BY changed_at DESC, seq DESC
