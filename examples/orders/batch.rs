//! The batch that runs once, between the requests of one day and those of the next.

use crate::cache::Shop;

/// Customers that get a statement.
const CUSTOMERS: usize = 1_500;

/// Lines of each statement.
const LINES: usize = 200;

/// SURPRISE, memory that is freed and yet not given back: the batch builds all statements before it sends the first,
/// some 65 MB of short lines, and then drops them. But the shop keeps one line of each, allocated amid the others,
/// and an allocator can give a page back only when nothing on it is live.
pub(crate) fn nightly_statements(shop: &Shop) {
    let mut statements = Vec::with_capacity(CUSTOMERS);
    for customer in 0..CUSTOMERS {
        let mut statement = statement(customer);
        shop.statements.lock().extend(statement.pop());
        statements.push(statement);
    }
    for statement in statements {
        send(statement);
    }
}

/// The lines of one customer's statement.
fn statement(customer: usize) -> Vec<String> {
    (0..LINES)
        .map(|line| {
            format!("customer {customer:06}, line {line:03}: the goods as ordered, with our thanks and best regards, carried over to the next page")
        })
        .collect()
}

/// Stands for the mail: takes a statement and drops it.
fn send(statement: Vec<String>) {
    std::hint::black_box(statement.iter().map(String::len).sum::<usize>());
}
