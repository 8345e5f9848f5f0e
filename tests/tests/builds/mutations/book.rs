//! A book of orders. Each function that allocates does so by itself, and says how much by its own number.

pub struct Book {
    index: Vec<u8>,
    lines: Vec<Vec<u8>>,
    notes: Vec<Vec<u8>>,
}

impl Book {
    #[inline(never)]
    pub fn open() -> Book {
        let index = Vec::with_capacity(7001);
        Book { index, lines: Vec::with_capacity(20), notes: Vec::with_capacity(20) }
    }

    #[inline(never)]
    pub fn enter(&mut self, id: u64) {
        let line = line(id);
        self.lines.push(line);
        let note = note(id);
        self.notes.push(note);
        self.index.push(id as u8);
    }
}

#[inline(never)]
fn line(id: u64) -> Vec<u8> {
    let mut line = Vec::with_capacity(101);
    line.push(id as u8);
    line
}

#[inline(never)]
fn note(id: u64) -> Vec<u8> {
    let mut note = Vec::with_capacity(211);
    note.push(id as u8);
    note
}

#[inline(never)]
pub fn report(book: &Book) -> Vec<u8> {
    let title = title();
    let mut report = Vec::with_capacity(4001);
    report.extend_from_slice(&title);
    report.push(book.lines.len() as u8);
    report
}

#[inline(never)]
fn title() -> Vec<u8> {
    let mut title = Vec::with_capacity(307);
    title.push(b'#');
    title
}
