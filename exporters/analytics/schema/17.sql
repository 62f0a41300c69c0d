-- Version 17: a run's id has 16 digits instead of 32. Of a further call's call_id a row holds which digit of the
-- run's id is its first, and of a single attempt no duration.

CREATE OR REPLACE VIEW calls AS SELECT * REPLACE (
    coalesce(
        CASE length(call_id)
            WHEN 1 THEN substr(run_id || run_id, strpos('0123456789abcdef', call_id), 16)
            ELSE call_id
        END,
        right(run_id, 16)
    ) AS call_id,
    coalesce(
        trace_id,
        CASE length(run_id)
            WHEN 16 THEN reverse(run_id) || run_id
            ELSE substr(run_id, 17) || substr(run_id, 1, 16)
        END
    ) AS trace_id,
    coalesce(
        span_id,
        coalesce(
            CASE length(call_id)
                WHEN 1 THEN substr(run_id || run_id, strpos('0123456789abcdef', call_id), 16)
                ELSE call_id
            END,
            right(run_id, 16)
        )
    ) AS span_id,
    CASE
        WHEN len(attempts) = 1 AND attempts[1].duration IS NULL
        THEN [{
            'start': attempts[1].start,
            'duration': round(duration - attempts[1].start, 6),
            'kind': attempts[1].kind,
            'status': attempts[1].status,
            'injected': attempts[1].injected
        }]
        ELSE attempts
    END AS attempts
) FROM hot_calls;
