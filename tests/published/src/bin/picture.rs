//! Pictures, written and read with png. `picture SIZE`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: picture SIZE")?.parse()?;
    let mut sum = 0;
    for number in 1..=count {
        step(number);
        let size = number as u32 * 3;
        let pixels: Vec<u8> = (0..size * size * 3).map(|at| (at * at / (number as u32 + 5)) as u8).collect();
        step(number);
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, size, size);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.add_text_chunk("number".to_owned(), number.to_string())?;
        let mut writer = encoder.write_header()?;
        step(number);
        writer.write_image_data(&pixels)?;
        writer.finish()?;
        step(number);
        let mut reader = png::Decoder::new(&file[..]).read_info()?;
        step(number);
        let mut read = vec![0; reader.output_buffer_size()];
        let info = reader.next_frame(&mut read)?;
        sum += u64::from(info.width) + u64::from(read == pixels);
        step(number);
        sum += u64::from(png::Decoder::new(&file[..file.len() / 2 + 8]).read_info().is_err());
    }
    step(1 << 32);
    println!("{sum}");
    Ok(())
}
