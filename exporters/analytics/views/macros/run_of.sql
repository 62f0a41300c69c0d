-- The run that a trace belongs to which began in Dialtone: run_id = run_of('4bf9…') finds its calls soonest.
CREATE OR REPLACE MACRO run_of(trace) AS
    CASE WHEN reverse(substr(trace, 17)) = substr(trace, 1, 16) THEN substr(trace, 17) ELSE substr(trace, 17) || substr(trace, 1, 16) END
