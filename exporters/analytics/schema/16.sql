-- Version 16: a call's call_id is NULL too, where its run (the second half of run_id) says it; the view has it.

CREATE OR REPLACE VIEW calls AS SELECT * REPLACE (
    coalesce(call_id, substr(run_id, 17)) AS call_id,
    coalesce(trace_id, substr(run_id, 17) || substr(run_id, 1, 16)) AS trace_id,
    coalesce(span_id, coalesce(call_id, substr(run_id, 17))) AS span_id
) FROM hot_calls;
