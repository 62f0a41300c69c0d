-- Until when the rollup of checks is made; later rows are counted as they are. It is made anew with each hour.
CREATE OR REPLACE MACRO rolled_until_checks() AS TIMESTAMP '-infinity'
