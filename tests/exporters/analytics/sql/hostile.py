"""The hostile statements: those to refuse (hostile.sql), and bombs, which pass the gate and must not hurt."""

from pathlib import Path

_DEEP = 5_000

BOMBS = {
    "a long text": "SELECT length(repeat('x', 2000000000))",
    "many long texts": "SELECT length(string_agg(repeat('x', 100000), '')) FROM range(100000)",
    "a long list": "SELECT len(range(1000000000))",
    "a list of lists": "SELECT len(list(range(100000))) FROM range(100000)",
    "a cross join": "SELECT count(*) FROM calls a, range(1000000000) b, range(1000000000) c",
    "a long count": "SELECT sum(hash(range)) FROM range(100000000000)",
    "an endless recursion": (
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r"
    ),
    "a recursion that doubles": (
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r, range(2)) SELECT count(*) FROM r"
    ),
    "a regular expression": (
        "SELECT regexp_matches(repeat('a', 5000000) || 'b', '(a|aa|aaa){1,500}c') FROM range(1000)"
    ),
    "a replaced regular expression": (
        "SELECT length(regexp_replace(repeat('a', 20000000), '(.*)(.*)(.*)(.*)x', 'y', 'g')) FROM range(99)"
    ),
    "a sort": "SELECT * FROM range(1000000000) ORDER BY hash(range) LIMIT 1",
    "a sort of random numbers": "SELECT random() AS r FROM range(2000000000) ORDER BY r",
    "a large group": "SELECT hash(range), count(*) FROM range(2000000000) GROUP BY ALL",
    "a large window": "SELECT sum(range) OVER (ORDER BY hash(range)) FROM range(1000000000)",
    "a wide row": "SELECT " + ", ".join(f"{number} AS c{number}" for number in range(8_000)),
    "nested parentheses": "SELECT " + "(" * _DEEP + "1" + ")" * _DEEP,
    "a long sum": "SELECT " + "1+" * _DEEP + "1",
    "nested lists": "SELECT " + "[" * 900 + "1" + "]" * 900,
    "nested subqueries": "SELECT * FROM " + "(SELECT * FROM " * 400 + "calls" + ")" * 400,
    "many unions": "SELECT 1" + " UNION ALL SELECT 1" * 4_000,
    "many WITHs": "WITH "
    + ", ".join(f"t{n + 1} AS (SELECT * FROM t{n}, t{n})" for n in range(1, 30))
    + " SELECT 1",
    "WITHs that double": "WITH t0 AS (SELECT 1 AS x), "
    + ", ".join(f"t{n} AS (SELECT a.x FROM t{n - 1} a, t{n - 1} b)" for n in range(1, 25))
    + " SELECT count(*) FROM t24",
    "a padded text": "SELECT length(lpad('x', 2000000000, 'y'))",
    "a formatted text": "SELECT length(format('{:>2000000000}', 'x'))",
    "a printed text": "SELECT length(printf('%2000000000d', 1))",
    "a text of bits": "SELECT bitstring('1', 2000000000)",
    "a large number": "SELECT factorial(33) * factorial(33)",
    "a distance of texts": "SELECT levenshtein(repeat('a', 100000), repeat('b', 100000))",
    "a JSON in a JSON": "SELECT json_structure((repeat('[', 100000) || repeat(']', 100000))::JSON)",
    "large JSON": "SELECT length(json_object('a', repeat('\"', 500000000))::VARCHAR)",
    "a series of times": (
        "SELECT count(*) FROM "
        "generate_series(TIMESTAMP '0001-01-01', TIMESTAMP '9999-01-01', INTERVAL 1 microsecond)"
    ),
    "a large answer": "SELECT repeat('x', 1000000) FROM range(100000)",
    "an error": "SELECT error(repeat('x', 10000000))",
}


def refused() -> dict[str, str]:
    """Return the statements of hostile.sql by name."""
    text = (Path(__file__).parent / "hostile.sql").read_text(encoding="utf-8")
    blocks = (block.strip().partition("\n") for block in text.split("\n--\n")[1:])
    return {name.removeprefix("-- "): sql for name, _, sql in blocks}
