-- Version 15: a call's trace_id is NULL where it is its run's, and its span_id where it is its call_id; the view has both.

CREATE OR REPLACE VIEW calls AS SELECT * REPLACE (
    coalesce(trace_id, substr(run_id, 17) || substr(run_id, 1, 16)) AS trace_id, coalesce(span_id, call_id) AS span_id
) FROM hot_calls;
