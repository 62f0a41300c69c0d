-- Until when the rollup of calls is made; later rows are counted as they are. It is made anew with each hour.
CREATE OR REPLACE MACRO rolled_until_calls() AS TIMESTAMP '-infinity'
