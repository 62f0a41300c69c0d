-- Version 8: whether a change of health is one of flapping, and what it rests on. NULL in rows written before.

ALTER TABLE health_changes ADD COLUMN flapping BOOLEAN;
ALTER TABLE health_changes ADD COLUMN grounds
    STRUCT(source VARCHAR, "text" VARCHAR, age DOUBLE, weight DOUBLE, says VARCHAR)[];
