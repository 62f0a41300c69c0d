-- What a duration of a bucket is taken for: the middle, on the logarithmic scale, so that it is at most 2.5 % off.
CREATE OR REPLACE MACRO bucket_seconds(bucket) AS pow(1.05, bucket + 0.5)
