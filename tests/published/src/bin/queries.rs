//! SQL, parsed and printed with sqlparser. `queries COUNT`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use sqlparser::dialect::{GenericDialect, PostgreSqlDialect};
use sqlparser::parser::Parser;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: queries COUNT")?.parse()?;
    let queries = [
        "SELECT a, b AS c, count(*) FROM t JOIN u ON t.id = u.t WHERE a > 3 AND b IN (1, 2, 3) GROUP BY a HAVING count(*) > 2 ORDER BY c DESC LIMIT 10",
        "WITH w AS (SELECT x FROM y WHERE z LIKE '%a%') SELECT w.x, CASE WHEN x > 1 THEN 'many' ELSE 'few' END FROM w",
        "INSERT INTO t (a, b) VALUES (1, 'one'), (2, 'two')",
        "CREATE TABLE t (id BIGINT PRIMARY KEY, name VARCHAR(40) NOT NULL, UNIQUE (name))",
        "UPDATE t SET a = a + 1, b = (SELECT max(b) FROM u) WHERE NOT (a BETWEEN 2 AND 7)",
        "SELECT ((((1 + 2) * 3) - 4) / 5) FROM (SELECT 1 UNION ALL SELECT 2) AS q",
        "SELECT FROM WHERE",
    ];
    let mut letters = 0;
    for number in 0..count {
        let query = queries[number as usize % queries.len()];
        step(number);
        let parsed = Parser::parse_sql(&GenericDialect {}, query);
        step(number);
        match parsed {
            Ok(statements) => {
                letters += statements.iter().map(|statement| statement.to_string().len()).sum::<usize>();
                step(number);
                let copy = statements.clone();
                step(number);
                letters += usize::from(copy == statements) + format!("{copy:?}").len();
            }
            Err(error) => letters += error.to_string().len(),
        }
        step(number);
        letters += Parser::parse_sql(&PostgreSqlDialect {}, query).map_or(0, |statements| statements.len());
    }
    step(1 << 32);
    println!("{letters} letters");
    Ok(())
}
