//! Writes and reads tables with the csv crate. `columns ROWS`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use serde::{Deserialize, Serialize};

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

#[derive(Serialize, Deserialize)]
struct Row {
    id: u64,
    name: String,
    price: Option<f64>,
    remark: String,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: columns ROWS")?.parse()?;
    let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
    for id in 0..count {
        step(id);
        let remark =
            if id % 4 == 0 { "says \"yes\"; twice".to_owned() } else { "none".repeat(id as usize % 3) };
        writer.serialize(Row {
            id,
            name: format!("row {id}"),
            price: (id % 3 > 0).then(|| id as f64 / 4.0),
            remark,
        })?;
    }
    step(1 << 32);
    let text = writer.into_inner()?;
    step(2 << 32);
    let mut rows = Vec::new();
    for row in csv::ReaderBuilder::new().delimiter(b';').from_reader(&text[..]).deserialize::<Row>() {
        step(3 << 32);
        rows.push(row?);
    }
    step(4 << 32);
    let mut reader = csv::ReaderBuilder::new().delimiter(b';').from_reader(&text[..]);
    let records: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>()?;
    step(5 << 32);
    let wrong = csv::Reader::from_reader(&b"a,b\n1,2\n1,2,3\n"[..]).records().filter(Result::is_err).count();
    step(6 << 32);
    println!(
        "{} rows, {} records, {wrong} wrong",
        rows.len(),
        records.iter().map(csv::StringRecord::len).sum::<usize>()
    );
    Ok(())
}
