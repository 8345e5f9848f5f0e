//! XML, read and written with quick-xml. `xml DOCUMENTS`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use quick_xml::{Reader, Writer};
use std::collections::BTreeMap;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    children: Vec<Element>,
    text: String,
}

fn read(reader: &mut Reader<&[u8]>, start: &BytesStart<'_>) -> Result<Element, quick_xml::Error> {
    let mut element =
        Element { name: String::from_utf8_lossy(start.name().as_ref()).into_owned(), ..Element::default() };
    for attribute in start.attributes().flatten() {
        element.attributes.insert(
            String::from_utf8_lossy(attribute.key.as_ref()).into_owned(),
            attribute.unescape_value()?.into_owned(),
        );
    }
    loop {
        match reader.read_event()? {
            Event::Start(start) => element.children.push(read(reader, &start)?),
            Event::Text(text) => element.text += &text.decode()?,
            Event::End(_) | Event::Eof => return Ok(element),
            _ => {}
        }
    }
}

fn write(writer: &mut Writer<Vec<u8>>, element: &Element) -> std::io::Result<()> {
    let attributes = element.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    writer.write_event(Event::Start(BytesStart::new(&element.name).with_attributes(attributes)))?;
    writer.write_event(Event::Text(BytesText::new(&element.text)))?;
    for child in &element.children {
        write(writer, child)?;
    }
    writer.write_event(Event::End(BytesEnd::new(&element.name)))
}

fn text(number: u64) -> String {
    let inner: String = (0..number % 6)
        .map(|at| format!("<item id='{at}' kind=\"a&amp;b\">{}</item>", "x".repeat(at as usize)))
        .collect();
    format!(
        "<list n='{number}'>{}{inner}{}</list>",
        "<group>".repeat(number as usize % 4),
        "</group>".repeat(number as usize % 4)
    )
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: xml DOCUMENTS")?.parse()?;
    let mut kept = Vec::new();
    let mut bytes = 0;
    for number in 0..count {
        step(number);
        let text = text(number);
        step(number);
        let element = read(&mut Reader::from_str(&text), &BytesStart::new("document"))?;
        step(number);
        let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
        write(&mut writer, &element)?;
        bytes += writer.into_inner().len();
        step(number);
        let mut broken = Reader::from_str("<a><b></a>");
        while let Ok(event) = broken.read_event() {
            if event == Event::Eof {
                break;
            }
        }
        kept.push(element);
    }
    step(1 << 32);
    println!("{bytes} bytes, {}", kept.len());
    Ok(())
}
