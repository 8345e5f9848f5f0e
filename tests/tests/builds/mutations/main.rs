mod book;
mod notes;

alloc_probe::install!();

fn main() {
    let mut book = book::Book::open();
    for id in 0..20 {
        book.enter(id);
        alloc_probe::mark("order");
    }
    let report = book::report(&book);
    std::hint::black_box((&book, &report, notes::PAGE));
}
