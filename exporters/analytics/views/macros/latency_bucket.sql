-- The logarithmic bucket of a duration: bucket n holds 1.05^n seconds and more, below 1.05^(n+1). What is below
-- a microsecond counts as one.
CREATE OR REPLACE MACRO latency_bucket(duration) AS
    floor(ln(greatest(duration, 1e-6)) / ln(1.05))::INTEGER
