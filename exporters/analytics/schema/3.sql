-- Version 3: what an operator's injected fault struck. NULL in rows written before.

ALTER TABLE calls ADD COLUMN injected BOOLEAN;
ALTER TABLE calls ADD COLUMN attempts.element.injected BOOLEAN;
ALTER TABLE check_results ADD COLUMN injected BOOLEAN;
