-- Until when the rollup of usage is made; later rows are counted as they are. It is made anew with each day.
CREATE OR REPLACE MACRO rolled_until_usage() AS TIMESTAMP '-infinity'
